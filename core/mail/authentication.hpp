// What the door found out about a sender, and how it tells those behind it: Authentication-Results
// (RFC 8601). Pure.
#pragma once

#include <string>
#include <string_view>

#include "mail/envelope.hpp"

namespace mailhandler::mail {

// SPF of a transaction (RFC 7208), already evaluated.
struct SenderCheck {
    std::string result;  // "pass", "fail", "none" … (RFC 8601 section 2.7.2)
    std::string helo;    // as the client gave it: whose result it is where the sender is null
};

// "Authentication-Results: mail.example.com; spf=pass smtp.mailfrom=bob@example.net\r\n". Of a
// sender whose local part is no plain word only the domain is named; for the null sender it is
// smtp.helo. No octet of either can end the line or begin a statement of its own.
std::string authentication_results(std::string_view hostname, const SenderCheck& check,
                                   const Sender& sender);

// True when the value of an Authentication-Results field claims to be written by `hostname`
// (canonical): its authserv-id is that name, whatever its case, quotes, comments or version. What
// came from outside with it is forged, and must not stay in the message (RFC 8601 section 5).
bool claims_to_be_ours(std::string_view value, std::string_view hostname);

}  // namespace mailhandler::mail
