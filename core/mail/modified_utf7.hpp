// Mailbox names in modified UTF-7 (RFC 3501 section 5.1.3): what IMAP4rev1 writes, and what
// Maildir++ directories are called. IMAP4rev2 and UTF8=ACCEPT write UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::mail {

// Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
bool well_formed_utf8(std::string_view text);

// UTF-8 → modified UTF-7. `utf8` must be well-formed.
std::string to_modified_utf7(std::string_view utf8);

// Modified UTF-7 → UTF-8. Nothing when it is malformed, encodes what needs no encoding, or is not
// what to_modified_utf7() would have made: of two spellings only one is a name.
std::optional<std::string> from_modified_utf7(std::string_view text);

}  // namespace mailhandler::mail
