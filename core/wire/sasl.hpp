// What SASL needs in SMTP, POP3 and IMAP: base64 (RFC 4648), PLAIN (RFC 4616) and the two ways of
// showing an OAuth2 token. SCRAM is in scram.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::wire {

// RFC 4648 section 4, strictly: no white space, padding required, unused bits zero. Nothing when
// `text` is anything else; "" decodes to "".
std::optional<std::string> base64_decode(std::string_view text);

std::string base64_encode(std::string_view octets);

// The one message of PLAIN. `authorize` is whom to act as; empty: the same as `login`.
struct Plain {
    std::string authorize, login, password;
};

// [authzid] NUL authcid NUL passwd, RFC 4616 section 2. Nothing when it is malformed, when login or
// password is empty, or when a part has more than 255 octets (the same section's bound).
std::optional<Plain> parse_plain(std::string_view message);

// The message for a login of one's own, not yet in base64.
std::string plain_message(std::string_view login, std::string_view password);

// The message that shows an OAuth2 access token, not yet in base64: RFC 7628 section 3.1, and what
// came before it and is widely spoken. A server that refuses the token says why in a challenge, to
// which an answer is due: bearer_farewell in base64 (section 3.2.3), and nothing for XOAUTH2.
std::string oauthbearer_message(std::string_view login, std::string_view host, unsigned port,
                                std::string_view token);
std::string xoauth2_message(std::string_view login, std::string_view token);
inline constexpr std::string_view bearer_farewell = "AQ==";

}  // namespace mailhandler::wire
