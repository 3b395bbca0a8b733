// Responses of POP3 (RFC 1939 section 3): a status indicator, an extended response code (RFC 2449
// section 8, RFC 3206) where there is one, and words for people. Written by the server, read by
// the client.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/words.hpp"

namespace mailhandler::pop3 {

// RFC 2449 section 4: a response line has at most 512 octets with its CRLF.
inline constexpr std::size_t response_limit = 512;

// "+OK text" and "-ERR [code] text" with CRLF. Control characters in `text` become spaces and what
// is too long is cut: words of the world never make a second line.
std::string ok(std::string_view text = {});
std::string err(std::string_view code, std::string_view text);
inline std::string err(std::string_view text) { return err({}, text); }

enum class Indicator {
    ok,        // "+OK"
    err,       // "-ERR"
    challenge, // "+ " of an AUTH exchange, RFC 5034 section 4
    unknown,   // not POP3
};

struct Response {
    Indicator indicator = Indicator::unknown;
    std::string_view code;  // "AUTH", "SYS/TEMP", …: as written, "" where none
    std::string_view text;  // behind indicator and code
};

// Takes a line without its CRLF apart. The views point into it.
Response parse_response(std::string_view line);

// RFC 2449 section 8: codes are compared without regard to case, and "SYS/TEMP" is below "SYS".
bool has_code(const Response& response, std::string_view code);

using wire::printable;

}  // namespace mailhandler::pop3
