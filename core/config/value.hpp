// Values that more than one kind of file holds: names, credentials, TLS, hashes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/section.hpp"

namespace mailhandler::config {

// A domain name, canonical; else a problem about `key`.
std::optional<std::string> read_domain(const Item& item, std::string_view key,
                                       Complaints& complaints);

// A string as it is, without control characters.
void read_text(Section& section, std::string_view key, std::string& into);

// How we log in elsewhere.
struct Credentials {
    std::string login, password_command, password_file, token_command;
    Position at;  // of what was found first, for messages; of the section when nothing was

    // How many secrets were named (one is right).
    int count() const {
        return int(!password_command.empty()) + int(!password_file.empty()) +
               int(!token_command.empty());
    }
};
// `login`, `password_command`, `password_file` and (with `tokens`) `token_command`; complains about
// two secrets and about `password`, which never stands in a file of this kind.
Credentials read_credentials(Section& section, bool tokens = false);

// The policy `tls`, one of `words` (verify, opportunistic, none); "none" only towards loopback.
// `host` empty: not known, nothing is said about it.
void read_tls_policy(Section& section, std::span<const std::string_view> words,
                     std::string_view host, TlsPolicy& into);

// `deliver`: "maildir" or an lmtp:// or smtp:// URL. True when it was well given.
bool read_deliver(Section& section, std::string& into);

// A crypt(3) hash; `who` is what `mailhandler passwd` is to be called with.
void read_password(Section& section, const std::string& who, std::string& into);

// Words for a reply line: one line, at most 400 octets.
void read_reply_text(Section& section, std::string& into);

}  // namespace mailhandler::config
