#include "mail/authentication.hpp"

#include <algorithm>

namespace mailhandler::mail {

namespace {

constexpr std::string_view white = " \t\r\n";

// atext of RFC 5322 section 3.2.3, and the dots between: what needs no quotes in a pvalue.
bool is_plain(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-./=?^_`{|}~").find(c) != std::string_view::npos;
    });
}

// A domain, or a quoted-string of what is none.
std::string pvalue(std::string_view text) {
    if (is_plain(text)) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        quoted += u < 0x20 || u >= 0x7f || c == '"' || c == '\\' ? '?' : c;
    }
    return quoted + '"';
}

// Takes white space and comments off the front (CFWS of RFC 5322 section 3.2.2).
void skip_comments(std::string_view& text) {
    for (;;) {
        text.remove_prefix(std::min(text.find_first_not_of(white), text.size()));
        if (!text.starts_with('(')) return;
        std::size_t depth = 0, i = 0;
        while (i < text.size()) {
            const char c = text[i];
            i += c == '\\' ? 2 : 1;
            if (c == '(') ++depth;
            if (c == ')' && --depth == 0) break;
        }
        text.remove_prefix(std::min(i, text.size()));
    }
}

// authserv-id = value: a token or a quoted-string.
std::string take_id(std::string_view text) {
    skip_comments(text);
    std::string id;
    if (!text.starts_with('"'))
        return std::string(text.substr(0, text.find_first_of(" \t\r\n;(/=,\"")));
    for (std::size_t i = 1; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        if (white.find(text[i]) == white.npos) id += text[i];
    }
    return id;
}

}  // namespace

std::string authentication_results(std::string_view hostname, const SenderCheck& check,
                                   const Sender& sender) {
    std::string line = "Authentication-Results: ";
    line.append(hostname).append("; spf=").append(check.result);
    if (!sender.address) return line + " smtp.helo=" + pvalue(check.helo) + "\r\n";
    const Address& address = *sender.address;
    line += " smtp.mailfrom=";
    if (is_plain(address.local()) && is_plain(address.domain())) line += address.local() + '@';
    return line + pvalue(address.domain()) + "\r\n";
}

bool claims_to_be_ours(std::string_view value, std::string_view hostname) {
    const std::string id = take_id(value);
    return canonical_domain(id).value_or(id) == hostname;
}

}  // namespace mailhandler::mail
