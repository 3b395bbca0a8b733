#include "mail/address.hpp"

#include <algorithm>
#include <array>

#include "mail/srs.hpp"
#include "mail/unicode.hpp"

namespace mailhandler::mail {

namespace {

constexpr std::size_t longest_local = 64;    // octets, RFC 5321 section 4.5.3.1.1
constexpr std::size_t longest_sender = 512;  // ours, for reverse-paths

auto no(std::string cause) { return fail("", std::move(cause), false); }

// atext of RFC 5322 section 3.2.3
constexpr auto atext = [] {
    std::array<bool, 256> table{};
    for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
    for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
    for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~"))
        table[static_cast<unsigned>(c)] = true;
    return table;
}();

bool is_atext(char c) { return atext[static_cast<unsigned char>(c)]; }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool all_ascii(std::string_view text) { return std::all_of(text.begin(), text.end(), is_ascii); }

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

struct Split {
    std::string local;          // unquoted
    std::string_view spelling;  // of the local part, quotes included
    std::string_view domain;
};

// Quoted-string = DQUOTE *( %d32-33 / %d35-91 / %d93-126 / "\" %d32-126 / UTF8-non-ascii ) DQUOTE
Result<Split> split_quoted(std::string_view text) {
    Split split;
    std::size_t i = 1;
    for (; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && (++i == text.size() || !is_ascii(text[i]))) break;
        split.local += text[i];
    }
    if (i >= text.size() || text[i] != '"') return no("the quoted local part does not end");
    if (has_control(split.local)) return no("the local part holds a control character");
    if (++i == text.size() || text[i] != '@')
        return no("there is no @ after the quoted local part");
    split.spelling = text.substr(0, i);
    split.domain = text.substr(i + 1);
    return split;
}

// Dot-string = Atom *("." Atom), with dots taken anywhere.
Result<Split> split_plain(std::string_view text) {
    const std::size_t at = text.find('@');
    if (at == text.npos) return no("there is no @ in it");
    Split split{std::string(text.substr(0, at)), text.substr(0, at), text.substr(at + 1)};
    if (has_control(split.local)) return no("the local part holds a control character");
    for (const char c : split.local) {
        if (is_atext(c) || c == '.' || !is_ascii(c)) continue;
        return no(c == ' '
                      ? "a space in the local part must be quoted"
                      : std::string("the character ") + c + " in the local part must be quoted");
    }
    return split;
}

Result<std::string> local_key(std::string_view local) {
    std::string key(local);
    if (all_ascii(local)) {
        if (has_control(local)) return no("the local part holds a control character");
        std::transform(key.begin(), key.end(), key.begin(), lower);
        return key;
    }
    auto folded = fold_text(local);
    if (!folded) return no("the local part " + folded.error().cause);
    return folded;
}

}  // namespace

Result<std::string> canonical_local(std::string_view local) {
    if (local.empty()) return no("the local part is empty");
    if (local.size() > longest_local) return no("the local part is longer than 64 octets");
    return local_key(local);
}

Result<Address> Address::parse_limited(std::string_view text, std::size_t limit) {
    if (text.empty()) return no("the address is empty");
    if (text.size() > 2048) return no("the address is far too long");
    auto split = text.front() == '"' ? split_quoted(text) : split_plain(text);
    if (!split) return tl::unexpected(std::move(split.error()));
    if (split->local.empty()) return no("the local part is empty");
    if (split->spelling.size() > limit)
        return no("the local part is longer than " + std::to_string(limit) + " octets");
    Address address;
    auto key = mail::local_key(split->local);
    if (!key) return tl::unexpected(std::move(key.error()));
    auto domain = canonical_domain(split->domain);
    if (!domain) return tl::unexpected(std::move(domain.error()));
    address.given_ = text;
    address.local_ = std::move(split->local);
    address.local_key_ = std::move(*key);
    address.domain_ = std::move(*domain);
    return address;
}

Result<Address> Address::parse(std::string_view text) { return parse_limited(text, longest_local); }

Result<Address> Address::parse_sender(std::string_view text) {
    return parse_limited(text, longest_sender);
}

Result<Address> Address::parse_recipient(std::string_view text) {
    // A bounce of what we forwarded comes to the sender that we wrote ourselves, however long it is.
    if (is_srs(text.substr(text.starts_with('"') ? 1 : 0))) return parse_sender(text);
    if (!is_postmaster(text)) return parse(text);
    Address address;
    address.given_ = address.local_ = text;
    address.local_key_ = "postmaster";
    return address;
}

bool Address::needs_smtputf8() const { return !all_ascii(local_); }

std::string Address::key() const {
    std::string text = quote_local(local_key_);
    if (!domain_.empty()) text.append(1, '@').append(domain_);
    return text;
}

std::string Address::wire() const {
    std::string text = quote_local(local_);
    if (!domain_.empty()) text.append(1, '@').append(domain_);
    return text;
}

bool Address::has_tag() const {
    const std::size_t plus = local_key_.find('+');
    return plus != local_key_.npos && plus != 0;
}

Address Address::without_tag() const {
    if (!has_tag()) return *this;
    Address bare;
    bare.local_ = local_.substr(0, local_.find('+'));
    bare.local_key_ = local_key_.substr(0, local_key_.find('+'));
    bare.domain_ = domain_;
    bare.given_ = quote_local(bare.local_);
    const std::size_t at = given_.rfind('@');  // a domain holds none
    if (!domain_.empty() && at != given_.npos) bare.given_ += given_.substr(at);
    return bare;
}

std::strong_ordering Address::operator<=>(const Address& other) const {
    if (const auto order = domain_ <=> other.domain_; order != 0) return order;
    return local_key_ <=> other.local_key_;
}

std::string quote_local(std::string_view local) {
    bool plain = !local.empty() && local.front() != '.' && local.back() != '.' &&
                 local.find("..") == local.npos;
    for (const char c : local) plain = plain && (is_atext(c) || c == '.' || !is_ascii(c));
    if (plain) return std::string(local);
    std::string quoted = "\"";
    for (const char c : local) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted += '"';
}

bool is_postmaster(std::string_view local_key) {
    constexpr std::string_view name = "postmaster";
    return local_key.size() == name.size() &&
           std::equal(name.begin(), name.end(), local_key.begin(),
                      [](char a, char b) { return a == lower(b); });
}

}  // namespace mailhandler::mail
