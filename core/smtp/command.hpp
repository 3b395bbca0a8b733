// The grammar of SMTP commands (RFC 5321 section 4.1 and its extensions): text in, values out.
//
// Pure functions; what a command means in a session is server_session's business. Every failure is
// the Reply that the peer gets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mail/envelope.hpp"
#include "smtp/reply.hpp"

namespace mailhandler::smtp {

enum class Verb {
    helo,
    ehlo,
    lhlo,
    mail,
    rcpt,
    data,
    bdat,
    rset,
    noop,
    vrfy,
    expn,
    help,
    quit,
    starttls,
    auth,
    obsolete,  // a command RFC 5321 names that nobody implements: SEND, SOML, SAML, TURN
    unknown
};

struct Command {
    Verb verb = Verb::unknown;
    std::string_view argument;  // without the blanks around it
};

// Splits a line at its first blank. Verbs are compared without regard to case.
Command parse_command(std::string_view line);

// `a` and `b` are the same but for ASCII case.
bool same_word(std::string_view a, std::string_view b);

// What of a MAIL command depends on the session.
struct MailRules {
    std::uint64_t message_size = 0;  // octets, RFC 1870; 0: no limit
    bool auth = false;               // AUTH= is understood (and ignored), RFC 4954 section 5
};

// The argument of MAIL: FROM:<reverse-path> and SIZE, BODY, SMTPUTF8, RET, ENVID, AUTH.
// Errors: 501 5.5.4 syntax, 501 5.1.7 address, 553 5.6.7 (RFC 6531 section 3.5), 552 5.3.4 size,
// 555 5.5.4 unknown parameter (RFC 5321 section 4.1.1.11).
Understood<mail::Sender> parse_mail(std::string_view argument, const MailRules& rules);

// The argument of RCPT: TO:<forward-path> and NOTIFY, ORCPT (RFC 3461). A source route is dropped.
// Errors: as above, with 501 5.1.3 for the address.
Understood<mail::Recipient> parse_rcpt(std::string_view argument, bool smtputf8);

// The argument of BDAT: chunk-size [SP "LAST"], RFC 3030 section 2.
struct Chunk {
    std::uint64_t size = 0;
    bool last = false;
};
Understood<Chunk> parse_bdat(std::string_view argument);

// xtext of RFC 3461 section 4, decoded. False when it is malformed.
bool decode_xtext(std::string_view text, std::string& into);
std::string encode_xtext(std::string_view text);

}  // namespace mailhandler::smtp
