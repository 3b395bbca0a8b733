#include "wire/dot_stream.hpp"

#include <cstring>

namespace mailhandler::wire {

namespace {

const char* find(const char* from, const char* to, char octet) {
    return static_cast<const char*>(std::memchr(from, octet, static_cast<std::size_t>(to - from)));
}

void append(std::string& into, const char* from, const char* to) {
    into.append(from, static_cast<std::size_t>(to - from));
}

}  // namespace

std::size_t DotDecoder::decode(std::string_view octets, std::string& into) {
    const char* at = octets.data();
    const char* const end = at + octets.size();
    while (at != end && state_ != State::finished) {
        switch (state_) {
            case State::line_start:
                if (*at == '.' && dots_) {
                    state_ = State::dot;
                    ++at;
                } else {
                    state_ = State::text;
                }
                break;
            case State::dot:
                // The dot itself is dropped: this line has more octets, or it is the end.
                state_ = *at == '\r' ? State::dot_cr : State::text;
                if (*at == '\r') ++at;
                break;
            case State::dot_cr:
            case State::text_cr:
                if (behind_cr(*at, into)) ++at;
                break;
            case State::text:
                at = text(at, end, into);
                break;
            case State::finished:
                break;
        }
    }
    return octets.size() - static_cast<std::size_t>(end - at);
}

void DotDecoder::end(std::string& into) {
    if (state_ == State::text_cr || state_ == State::dot_cr) {
        bare_cr_ = true;
        into.push_back('\r');
        state_ = State::text;
    }
}

// True when the octet is the LF that the CR before it waits for: it ends the line, or the text.
bool DotDecoder::behind_cr(char octet, std::string& into) {
    if (octet != '\n') {
        bare_cr_ = true;
        into.push_back('\r');
        state_ = State::text;
        return false;
    }
    const bool last = state_ == State::dot_cr;
    if (!last) into.append("\r\n");
    state_ = last ? State::finished : State::line_start;
    return true;
}

// Copies whole runs of lines at once: a run is broken only by a dot that is dropped, a bare LF
// that is mended, or the end of the chunk.
const char* DotDecoder::text(const char* at, const char* end, std::string& into) {
    const char* run = at;
    while (const char* lf = find(at, end, '\n')) {
        if (lf == at || lf[-1] != '\r') {
            bare_lf_ = true;
            look_for_cr(at, lf);
            append(into, run, lf);
            into.append("\r\n");
            at = run = lf + 1;
            continue;
        }
        look_for_cr(at, lf - 1);
        at = lf + 1;
        if (at == end || (*at == '.' && dots_)) {
            append(into, run, at);
            state_ = State::line_start;
            return at;
        }
    }
    const char* stop = end;
    if (stop != at && stop[-1] == '\r') {
        --stop;
        state_ = State::text_cr;
    }
    look_for_cr(at, stop);
    append(into, run, stop);
    return end;
}

void DotDecoder::look_for_cr(const char* from, const char* to) {
    if (!bare_cr_ && from != to && find(from, to, '\r') != nullptr) bare_cr_ = true;
}

void DotEncoder::encode(std::string_view octets, std::string& into) {
    const char* at = octets.data();
    const char* const end = at + octets.size();
    const char* run = at;  // nothing between here and `at` needs a change
    while (at != end) {
        if (line_start_ && *at == '.') {
            append(into, run, at);
            into.push_back('.');
            run = at;
        }
        const char* lf = find(at, end, '\n');
        if (lf == nullptr) {
            cr_ = end[-1] == '\r';
            line_start_ = false;
            break;
        }
        if (lf == at ? !cr_ : lf[-1] != '\r') {
            append(into, run, lf);
            into.push_back('\r');
            run = lf;
        }
        at = lf + 1;
        line_start_ = true;
        cr_ = false;
    }
    append(into, run, end);
}

void DotEncoder::finish(std::string& into) {
    if (!line_start_) into.append(cr_ ? "\n" : "\r\n");
    into.append(".\r\n");
    *this = DotEncoder();
}

}  // namespace mailhandler::wire
