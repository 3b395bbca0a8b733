// canonical_domain() of address.hpp: names, and address literals.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "mail/address.hpp"
#include "mail/unicode.hpp"

namespace mailhandler::mail {

namespace {

auto no(std::string cause) { return fail("", std::move(cause), false); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_let_dig(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// sub-domain = Let-dig [Ldh-str], and `_` as a letter
Result<> check_label(std::string_view label) {
    if (label.empty()) return no("the domain has an empty label");
    if (label.size() > 63) return no("a label of the domain is longer than 63 octets");
    if (label.front() == '-' || label.back() == '-')
        return no("a label of the domain begins or ends with a hyphen");
    for (const char c : label) {
        if (is_let_dig(c) || c == '-') continue;
        if (c > 0x20 && c < 0x7f) return no(std::string("the domain holds the character ") + c);
        return no(c == ' ' ? "the domain holds a space" : "the domain holds a control character");
    }
    return {};
}

Result<std::string> ascii_name(std::string_view name) {
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
    if (name.empty()) return no("the domain is empty");
    if (name.size() > 255) return no("the domain is longer than 255 octets");
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        if (auto ok = check_label(name.substr(begin, end - begin)); !ok)
            return tl::unexpected(std::move(ok.error()));
        begin = end + 1;
    }
    std::string out(name);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

// address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"
Result<std::string> literal(std::string_view name) {
    if (name.size() < 2 || name.back() != ']') return no("the address literal does not end with ]");
    std::string text(name.substr(1, name.size() - 2));
    constexpr std::string_view tag = "ipv6:";
    const bool six =
        text.size() > tag.size() && std::equal(tag.begin(), tag.end(), text.begin(),
                                               [](char a, char b) { return a == lower(b); });
    if (six) text.erase(0, tag.size());
    unsigned char address[16];
    char shown[INET6_ADDRSTRLEN];
    const int family = six ? AF_INET6 : AF_INET;
    // inet_pton stops at a NUL; a view may hold one
    if (text.find('\0') != text.npos || inet_pton(family, text.c_str(), address) != 1 ||
        !inet_ntop(family, address, shown, sizeof shown))
        return no("the address literal is neither [IPv4] nor [IPv6:…]");
    return std::string(six ? "[IPv6:" : "[") + shown + ']';
}

}  // namespace

Result<std::string> canonical_domain(std::string_view name) {
    if (!name.empty() && name.front() == '[') return literal(name);
    if (name.size() > 1024) return no("the domain is longer than 255 octets");
    if (std::all_of(name.begin(), name.end(), [](char c) { return (c & 0x80) == 0; }))
        return ascii_name(name);
    auto ascii = to_a_labels(name);
    if (!ascii) return no("the domain " + ascii.error().cause);
    return ascii_name(*ascii);
}

}  // namespace mailhandler::mail
