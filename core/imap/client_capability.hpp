// What a server can do (CAPABILITY, RFC 3501 section 7.2.1), as far as a collector cares.
#pragma once

#include <string_view>

namespace mailhandler::imap {

struct ClientCapabilities {
    bool known = false;
    bool starttls = false, login_disabled = false, sasl_ir = false;
    bool plain = false, scram_sha256 = false, xoauth2 = false, oauthbearer = false;
    bool idle = false, uidplus = false, compress = false;

    // The words behind CAPABILITY; what was known before is forgotten.
    static ClientCapabilities of(std::string_view words);
};

}  // namespace mailhandler::imap
