// A report to a sender about mail that was not delivered, or not yet, or that was and the sender
// wanted to know: RFC 3464, as multipart/report (RFC 6522). Pure composition; whether one may be sent
// is said by agent/bounce.
//
// Three parts: words for a person, fields for a program, and the header of the message; its content
// only where it is given (RET=FULL of a sender who is who they say, RFC 3461 section 4.3).
//
// Where an address of ours stands for another one (a forward), that other one appears nowhere: not
// in the fields, not in what its host replied.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "mail/envelope.hpp"

namespace mailhandler::mail {

// RFC 3464 section 2.3.3. `relayed`: handed on to where nobody will report (RFC 3461 section 5.2.2).
enum class DsnAction { failed, delayed, delivered, relayed };
std::string_view name(DsnAction action);  // "failed", …

// A recipient that the report is about.
struct Undelivered {
    Recipient asked;                // as the sender gave it
    std::optional<Address> target;  // where it went instead; never shown
    std::string reply;              // "550 5.1.1 …", or words of ours without a code
    std::string remote;             // the host that replied; empty: we did
};

struct Dsn {
    DsnAction action{};
    std::string hostname;  // ours
    std::string id;        // of the report: the left side of its Message-ID
    Address to;            // the sender of the message
    std::string envid;     // ENVID=, decoded
    std::vector<Undelivered> recipients;
    std::string_view header;   // of the message; what follows it is not looked at
    std::string_view content;  // the whole message, to be shown; empty: its header alone
    WallTime arrived{}, now{};
    WallTime until{};  // delayed: when it is given up
};

struct ComposedDsn {
    std::string octets;     // the whole message, CRLF
    bool smtputf8 = false;   // it must be sent with SMTPUTF8 (RFC 6531)
    bool eight_bit = false;  // … with BODY=8BITMIME (RFC 6152)
};
ComposedDsn compose(const Dsn& dsn);

// NOTIFY= (RFC 3461 section 4.1): is this to be told? Without the parameter, trouble is.
bool is_wanted(const Notify& notify, DsnAction action);

// The enhanced code of a reply "550 5.1.1 …" (RFC 3463); made of its code where it has none. A
// temporary one of mail that has been given up is 4.4.7; words of ours are 5.0.0, or 4.0.0. Success
// is 2.0.0 whatever was replied.
std::string status_of(std::string_view reply, DsnAction action);

// `reply` without anything that names `target`; `asked` stands in for whole addresses.
std::string scrubbed(std::string_view reply, const Address& target, const Address& asked);

}  // namespace mailhandler::mail
