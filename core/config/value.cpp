#include "config/value.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/endpoint.hpp"
#include "mail/address.hpp"

namespace mailhandler::config {
namespace {

// "smtp://…" replies are lines of 512 octets (RFC 5321 section 4.5.3.1.5); this leaves room for the
// code and the address.
constexpr std::size_t longest_reply = 400;

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
}

// "$id$" and more, printable without space or colon: crypt(5).
bool looks_like_hash(std::string_view text) {
    if (text.size() < 4 || text[0] != '$') return false;
    const std::size_t second = text.find('$', 1);
    if (second == std::string_view::npos || second == 1 || second + 1 == text.size()) return false;
    return text.find_first_of(" :;*!\\\t\r\n") == std::string_view::npos && !has_control(text);
}

}  // namespace

std::optional<std::string> read_domain(const Item& item, std::string_view key,
                                       Complaints& complaints) {
    auto name = mail::canonical_domain(item.text);
    if (name && !name->starts_with('[')) return std::move(*name);
    complaints.error(item.at, fmt::format("'{}': \"{}\" is not a domain name{}", key, item.text,
                                          name ? "" : ": " + name.error().cause));
    return std::nullopt;
}

void read_text(Section& section, std::string_view key, std::string& into) {
    const auto text = section.text(key);
    if (!text) return;
    if (has_control(text->text))
        section.error(text->at, fmt::format("'{}' holds a control character", key));
    into = text->text;
}

Credentials read_credentials(Section& section, bool tokens) {
    Credentials found;
    found.at = section.at();
    const auto take = [&](std::string_view key, std::string& into) {
        read_text(section, key, into);
        const Entry* entry = section.find(key);
        if (entry && !into.empty()) found.at = entry->at;
    };
    take("password_command", found.password_command);
    take("password_file", found.password_file);
    if (tokens) take("token_command", found.token_command);
    if (found.count() > 1)
        section.error(found.at, tokens ? "only one of 'password_command', 'password_file' and "
                                         "'token_command' can be given"
                                       : "only one of 'password_command' and 'password_file' can "
                                         "be given");
    take("login", found.login);
    if (const Entry* entry = section.find("password"))
        section.error(entry->at, "a password never stands in clear in this file; name a "
                                 "'password_file' or a 'password_command'");
    return found;
}

void read_tls_policy(Section& section, std::span<const std::string_view> words,
                     std::string_view host, TlsPolicy& into) {
    const auto index = section.choice("tls", words);
    if (!index) return;
    const std::string_view word = words[*index];
    if (word == "opportunistic") into = TlsPolicy::opportunistic;
    if (word == "none") into = TlsPolicy::none;
    if (word != "none" || host.empty() || is_loopback(host)) return;
    section.error(section.find("tls")->value.at,
                  fmt::format("tls = \"none\" is only for a server on loopback, and {} is not",
                              host));
}

bool read_deliver(Section& section, std::string& into) {
    const auto text = section.text("deliver");
    if (!text) return false;
    if (text->text != "maildir") {
        const auto url = parse_url(text->text);
        if (!url || (url->scheme != "lmtp" && url->scheme != "smtp")) {
            section.error(text->at,
                          fmt::format("'deliver' is \"maildir\", \"lmtp://host:port\" or "
                                      "\"smtp://host:port\"{}",
                                      url ? "" : "; " + url.error().cause));
            return false;
        }
    }
    into = text->text;
    return true;
}

void read_password(Section& section, const std::string& who, std::string& into) {
    const auto text = section.text("password");
    if (!text || text->text.empty()) return;
    // The value is not repeated: it may be somebody's password, and messages land in logs.
    if (!looks_like_hash(text->text))
        return section.error(text->at,
                             fmt::format("'password' is not a crypt(3) hash (\"$y$…\"); a password "
                                         "never lies in a file in clear: run `mailhandler passwd "
                                         "{}`",
                                         who));
    into = text->text;
}

void read_reply_text(Section& section, std::string& into) {
    const auto text = section.text("text");
    if (!text) return;
    if (has_control(text->text))
        section.error(text->at, "'text' must be one line without control characters");
    if (text->text.size() > longest_reply)
        section.error(text->at, fmt::format("'text' is {} octets long; a reply has room for {}",
                                            text->text.size(), longest_reply));
    into = text->text;
}

}  // namespace mailhandler::config
