#include "mail/subject.hpp"

#include "mail/encoded_word.hpp"
#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

// Octets of a subject that are looked at: taking it apart may cost their square.
constexpr std::size_t longest = 4096;

bool is_wsp(char c) { return c == ' ' || c == '\t'; }

std::size_t skip_wsp(std::string_view text, std::size_t at) {
    while (at < text.size() && is_wsp(text[at])) ++at;
    return at;
}

// subj-blob = "[" *BLOBCHAR "]" *WSP; its size, or 0. BLOBCHAR is anything but brackets.
std::size_t blob(std::string_view text) {
    if (!text.starts_with('[')) return 0;
    const std::size_t end = text.find_first_of("[]", 1);
    return end != text.npos && text[end] == ']' ? skip_wsp(text, end + 1) : 0;
}

// subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"; its size, or 0.
std::size_t reply_mark(std::string_view text) {
    std::size_t size = 0;
    if (same_name(text.substr(0, 2), "re"))
        size = 2;
    else if (same_name(text.substr(0, 3), "fwd"))
        size = 3;
    else if (same_name(text.substr(0, 2), "fw"))
        size = 2;
    if (size == 0) return 0;
    size = skip_wsp(text, size);
    size += blob(text.substr(size));
    return size < text.size() && text[size] == ':' ? size + 1 : 0;
}

// subj-leader = (*subj-blob subj-refwd) / WSP; its size, or 0.
std::size_t leader(std::string_view text, bool& reply) {
    if (!text.empty() && is_wsp(text[0])) return 1;
    std::size_t size = 0;
    while (const std::size_t one = blob(text.substr(size))) size += one;
    const std::size_t mark = reply_mark(text.substr(size));
    if (mark == 0) return 0;
    reply = true;
    return size + mark;
}

// subj-trailer = "(fwd)" / WSP; its size, or 0.
std::size_t trailer(std::string_view text, bool& reply) {
    if (!text.empty() && is_wsp(text.back())) return 1;
    if (text.size() < 5 || !same_name(text.substr(text.size() - 5), "(fwd)")) return 0;
    reply = true;
    return 5;
}

// White space of any length is one space.
std::string collapsed(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool space = is_wsp(c) || c == '\r' || c == '\n';
        if (!space)
            result += c;
        else if (!result.ends_with(' '))
            result += ' ';
    }
    return result;
}

}  // namespace

BaseSubject base_subject(std::string_view value) {
    BaseSubject base;
    const std::string whole = collapsed(decode_words(value.substr(0, longest)));
    std::string_view text = whole;
    for (;;) {
        while (const std::size_t size = trailer(text, base.reply)) text.remove_suffix(size);
        for (bool again = true; again;) {
            again = false;
            while (const std::size_t size = leader(text, base.reply)) text.remove_prefix(size);
            const std::size_t size = blob(text);
            if (size > 0 && size < text.size()) {  // something is left behind it
                text.remove_prefix(size);
                again = true;
            }
        }
        // subj-fwd = subj-fwd-hdr subject subj-fwd-trl, "[fwd:" … "]"
        if (!same_name(text.substr(0, 5), "[fwd:") || !text.ends_with(']')) break;
        base.reply = true;
        text = text.substr(5, text.size() - 6);
    }
    base.text = text;
    return base;
}

}  // namespace mailhandler::mail
