// Header text as people read it (RFC 2047): encoded words decoded, in UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace mailhandler::mail {

// `text` unfolded (header.hpp). White space between two encoded words goes; a character that a
// mailer divided between two of one charset is whole again. What is no encoded word stays; 8-bit
// octets outside are taken as charset.hpp guesses. The result is well-formed UTF-8.
std::string decode_words(std::string_view text);

}  // namespace mailhandler::mail
