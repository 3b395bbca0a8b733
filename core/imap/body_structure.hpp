// BODY and BODYSTRUCTURE of a message, rendered from its tree of parts (RFC 9051 section 7.5.2).
//
// Pure. A multipart without parts, which IMAP cannot say, shows one empty part of text; a part that
// was not looked into (mail/mime.hpp) is application/octet-stream, whatever its type would promise.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mail/mime.hpp"

namespace mailhandler::imap {

// The octets of a part's header: those of a message inside the message are asked for, for its
// envelope. They need to live only until the next is asked for.
using HeaderOf = std::function<std::string_view(const mail::MimePart&)>;

// `extended`: BODYSTRUCTURE, else BODY.
std::string render_body_structure(const mail::MimeTree& tree, const HeaderOf& header_of,
                                  bool extended);

// The same, for a message in memory.
std::string render_body_structure(const mail::MimeTree& tree, std::string_view message,
                                  bool extended);

}  // namespace mailhandler::imap
