#include "pop3/capability.hpp"

#include "pop3/command.hpp"

namespace mailhandler::pop3 {

namespace {

std::string_view take_word(std::string_view& text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

}  // namespace

void Capabilities::add(std::string_view line) {
    const std::string_view tag = take_word(line);
    if (same_keyword(tag, "UIDL")) uidl = true;
    if (same_keyword(tag, "TOP")) top = true;
    if (same_keyword(tag, "USER")) user = true;
    if (same_keyword(tag, "STLS")) stls = true;
    if (same_keyword(tag, "PIPELINING")) pipelining = true;
    if (same_keyword(tag, "AUTH-RESP-CODE")) auth_codes = true;
    if (!same_keyword(tag, "SASL")) return;
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        if (same_keyword(word, "PLAIN")) plain = true;
        if (same_keyword(word, "XOAUTH2")) xoauth2 = true;
        if (same_keyword(word, "OAUTHBEARER")) oauthbearer = true;
    }
}

}  // namespace mailhandler::pop3
