// How text of any origin becomes part of a report (dsn.hpp): encoded, cleaned, wrapped, and without
// the address that is not to be told. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::mail {

// One code point of well-formed UTF-8 (RFC 3629 section 4) taken off the front of `text`; nothing,
// and nothing taken, where it does not begin with one.
std::optional<char32_t> take_code_point(std::string_view& text);
bool is_utf8(std::string_view text);
bool is_ascii(std::string_view text);

// True for lines that need no encoding to be sent as 7bit: ASCII without NUL or bare CR, no line
// over 998 octets (RFC 2045 section 2.7).
bool is_seven_bit(std::string_view text);

// Quoted-printable of lines that end in CRLF or LF (RFC 2045 section 6.7).
std::string quoted_printable(std::string_view text);

// A value for a header field: on one line of at most 900 octets. What is not printable ASCII
// becomes
// '?', but for well-formed UTF-8 where `utf8` allows it.
std::string clean(std::string_view text, bool utf8);

// utf-8-addr-xtext of RFC 6533 section 3: what is not ASCII as \x{FC}. Of well-formed UTF-8.
std::string embedded(std::string_view address);

// RFC 3461 section 4: "+2B" stands for "+".
std::string xtext_decoded(std::string_view text);

// `text` as lines of at most 76 octets where its words allow it, each behind `indent`, ending in
// CRLF.
std::string wrapped(std::string_view text, std::string_view indent);

}  // namespace mailhandler::mail
