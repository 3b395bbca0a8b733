// ENVELOPE of a message, rendered (RFC 9051 section 7.5.2, RFC 3501 section 7.4.2).
//
// Pure. Strings leave as they stand in the header, unfolded, encoded words and all: the client
// decodes. What no quoted string can hold (8-bit, very long) is a literal, so the text may be put
// into any response as it is.
#pragma once

#include <string>
#include <string_view>

namespace mailhandler::imap {

// From the octets of a header, with or without its empty line. Of a string that occurs twice the
// first counts; addresses of a field that occurs twice are all listed. Sender and Reply-To that are
// missing or empty are those of From. A group is an address without a host; an address whose domain
// is missing has an empty one.
std::string render_envelope(std::string_view header);
void append_envelope(std::string& text, std::string_view header);

}  // namespace mailhandler::imap
