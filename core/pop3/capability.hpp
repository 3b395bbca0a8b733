// What a server says it can do: the lines of the answer to CAPA (RFC 2449 section 5).
#pragma once

#include <string_view>

namespace mailhandler::pop3 {

struct Capabilities {
    bool known = false;  // CAPA was understood; otherwise nothing below means anything
    bool uidl = false, top = false, user = false, stls = false, pipelining = false;
    bool auth_codes = false;  // AUTH-RESP-CODE: a wrong login is always [AUTH] (RFC 3206)
    bool plain = false, xoauth2 = false, oauthbearer = false;

    // One line, without its CRLF: a capability and its arguments, in any case.
    void add(std::string_view line);
};

}  // namespace mailhandler::pop3
