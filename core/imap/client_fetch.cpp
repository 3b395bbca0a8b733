#include "imap/client_fetch.hpp"

#include <algorithm>

#include "imap/client_line.hpp"

namespace mailhandler::imap {

FetchReader::Part FetchReader::read(std::string_view rest) {
    for (;;) {
        while (rest.starts_with(' ')) rest.remove_prefix(1);
        if (want_ == Want::nothing) return rest.empty() ? Part::done : Part::bad;
        if (rest.empty()) return Part::bad;
        bool good = true;
        if (want_ == Want::list) {
            good = rest.front() == '(';
            rest.remove_prefix(1);
            want_ = Want::key;
        } else if (want_ == Want::key) {
            good = read_key(rest);
        } else {
            good = read_value(rest);
        }
        if (!good) return Part::bad;
        if (!at_literal_) continue;
        at_literal_ = false;
        return key_ == Key::body && depth_ == 0 ? Part::body : Part::literal;
    }
}

// A key ends at a space; those in BODY[HEADER.FIELDS (A B)] belong to it.
bool FetchReader::read_key(std::string_view& rest) {
    if (rest.front() == ')') {
        rest.remove_prefix(1);
        want_ = Want::nothing;
        return true;
    }
    std::size_t end = 0;
    for (bool section = false; end < rest.size() && (section || rest[end] != ' '); ++end) {
        if (rest[end] == '[') section = true;
        if (rest[end] == ']') section = false;
    }
    const std::string_view key = rest.substr(0, end);
    if (end == rest.size()) return false;  // no value
    rest.remove_prefix(end);
    key_ = Key::other;
    if (is(key, "UID")) key_ = Key::uid;
    if (is(key, "RFC822.SIZE")) key_ = Key::size;
    if (is(key, "BODY[]") || is(key, "BODY[HEADER]")) {
        if (has_body) return false;
        key_ = Key::body;
        has_body = true;
    }
    want_ = Want::value;
    return true;
}

// One step through a value: what is nested is only counted.
bool FetchReader::read_value(std::string_view& rest) {
    const char first = rest.front();
    if (first == '(' || first == ')') {
        if (first == ')' && depth_ == 0) return false;
        depth_ += first == '(' ? 1 : -1;
        rest.remove_prefix(1);
        if (depth_ == 0) want_ = Want::key;
        return key_ == Key::other;
    }
    if (first == '"') return read_quoted(rest);
    if (first == '{' || rest.starts_with("~{")) {
        const auto announced = literal_at_end(rest);
        // Nothing stands between the brace and the end of the line.
        if (!announced || !announced->sane || rest.find('}') + 1 != rest.size()) return false;
        literal_ = announced->octets;
        at_literal_ = true;
        rest = {};
        if (depth_ == 0) want_ = Want::key;
        return key_ == Key::other || key_ == Key::body;
    }
    const std::size_t end = std::min(rest.find_first_of(" ()\""), rest.size());
    const std::string_view atom = rest.substr(0, end);
    rest.remove_prefix(end);
    if (depth_ != 0) return true;
    want_ = Want::key;
    return take_atom(atom);
}

bool FetchReader::take_atom(std::string_view atom) {
    const auto number = whole_number(atom);
    switch (key_) {
        case Key::uid: uid = number; return number && *number != 0 && *number <= 0xffffffffu;
        case Key::size: size = number; return number.has_value();
        case Key::body: nil_body = true; return is(atom, "NIL");
        default: return true;
    }
}

// quoted = DQUOTE *QUOTED-CHAR DQUOTE: a backslash quotes what follows it
bool FetchReader::read_quoted(std::string_view& rest) {
    const bool body = key_ == Key::body && depth_ == 0;
    std::size_t at = 1;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
        if (rest[at] == '\\' && ++at == rest.size()) return false;
        if (body) quoted_body += rest[at];
    }
    if (at >= rest.size()) return false;
    rest.remove_prefix(at + 1);
    if (depth_ == 0) want_ = Want::key;
    return key_ == Key::other || key_ == Key::body;
}

}  // namespace mailhandler::imap
