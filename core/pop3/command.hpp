// The grammar of POP3 commands (RFC 1939 section 3, RFC 2449 section 4): one line, taken apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailhandler::pop3 {

enum class Verb {
    unknown,
    // authorization
    user, pass, auth, stls, utf8,
    // transaction
    stat, list, retr, dele, noop, rset, top, uidl,
    // both
    capa, quit,
};

// A keyword in any case, and what follows its first space. The views point into the line.
struct Command {
    Verb verb = Verb::unknown;
    std::string_view argument;
};

// Command lines are at most 255 octets with their CRLF (RFC 2449 section 4); AUTH and the lines of
// its exchange may have 12,288 (RFC 5034 section 4).
inline constexpr std::size_t line_limit = 255;
inline constexpr std::size_t auth_line_limit = 12'288;

// `line` is without its CRLF. RFC 1939 section 3: keywords are three or four characters, printable
// ASCII, separated from arguments by one space; trailing spaces are forgiven but for PASS.
Command parse_command(std::string_view line);

// Whether `given` is the keyword `upper`, in any case.
bool same_keyword(std::string_view given, std::string_view upper);

// A message number, or a count of lines: digits only, below 2^32. Nothing for anything else.
std::optional<std::uint32_t> parse_number(std::string_view text);

// The two arguments of TOP.
struct TopArguments {
    std::uint32_t number = 0, lines = 0;
};
std::optional<TopArguments> parse_top(std::string_view argument);

}  // namespace mailhandler::pop3
