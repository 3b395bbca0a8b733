#include "imap/client_capability.hpp"

#include "imap/client_line.hpp"

namespace mailhandler::imap {

ClientCapabilities ClientCapabilities::of(std::string_view words) {
    ClientCapabilities found;
    found.known = true;
    while (!words.empty()) {
        const std::string_view word = take_word(words);
        found.starttls |= is(word, "STARTTLS");
        found.login_disabled |= is(word, "LOGINDISABLED");
        found.sasl_ir |= is(word, "SASL-IR");
        found.plain |= is(word, "AUTH=PLAIN");
        found.scram_sha256 |= is(word, "AUTH=SCRAM-SHA-256");
        found.xoauth2 |= is(word, "AUTH=XOAUTH2");
        found.oauthbearer |= is(word, "AUTH=OAUTHBEARER");
        found.idle |= is(word, "IDLE");
        found.uidplus |= is(word, "UIDPLUS") || is(word, "IMAP4REV2");
        found.idle |= is(word, "IMAP4REV2");
        found.sasl_ir |= is(word, "IMAP4REV2");
        found.compress |= is(word, "COMPRESS=DEFLATE");
    }
    return found;
}

}  // namespace mailhandler::imap
