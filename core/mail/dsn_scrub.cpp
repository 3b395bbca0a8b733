// scrubbed() of dsn.hpp: a reply without the address behind a forward.
#include <algorithm>

#include "mail/dsn.hpp"
#include "mail/dsn_text.hpp"

namespace mailhandler::mail {

namespace {

constexpr std::string_view hidden = "(hidden)";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_letter(char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || (c & 0x80) != 0;
}

// What a mailbox or a host name may be made of when somebody writes about it.
bool is_part(char c) {
    return is_letter(c) ||
           std::string_view(".!#$%&'*+-/=?^_`{|}~@").find(c) != std::string_view::npos;
}

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

// `name` stands in `text` by itself, not as a piece of a longer word. Both in lower case.
bool holds(std::string_view text, std::string_view name) {
    if (name.empty()) return false;
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end])))
            return true;
    }
    return false;
}

}  // namespace

std::string scrubbed(std::string_view reply, const Address& target, const Address& asked) {
    const std::string given = target.given();
    const std::string names[] = {lowered(target.local()), lowered(target.local_key()),
                                 lowered(target.without_tag().local_key()),
                                 lowered(target.domain()),
                                 lowered(std::string_view(given).substr(given.rfind('@') + 1))};
    std::string out;
    // A local part of several words cannot be told from the words of the reply.
    const bool one_word = std::all_of(names[0].begin(), names[0].end(), is_part);
    if (!one_word) return std::string(reply.substr(0, reply.find_first_not_of("0123456789. ")));
    for (std::size_t i = 0; i < reply.size();) {
        std::size_t end = i;
        while (end < reply.size() && is_part(reply[end])) ++end;
        if (end == i) {
            out += reply[i++];
            continue;
        }
        const std::string_view word = reply.substr(i, end - i);
        const std::string low = lowered(word);
        // The code and the enhanced code in front are no names, whatever the local part is.
        const bool code = i <= 4 && word.find_first_not_of("0123456789.") == word.npos;
        if (word.find('@') != word.npos && word.size() > 1)
            out += asked.wire();
        else if (!code && std::any_of(std::begin(names), std::end(names),
                                      [&](const std::string& name) { return holds(low, name); }))
            out += hidden;
        else
            out += word;
        i = end;
    }
    return out;
}

}  // namespace mailhandler::mail
