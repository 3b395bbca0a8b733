// APPEND as it is asked for (RFC 9051 section 6.3.12, RFC 3502, RFC 6855 section 4): what stands
// before each message's literal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "imap/flags.hpp"
#include "imap/lexer.hpp"

namespace mailhandler::imap {

struct AppendHead {
    std::string mailbox;  // as given; empty for the messages behind the first
    NamedFlags flags;
    std::optional<std::int64_t> internal_date;
    bool utf8 = false;  // UTF8 (~{…}): a parenthesis comes behind the literal
};

// [SP "(" flags ")"] [SP date-time] SP ["UTF8" SP "("]: everything up to the literal's mark.
std::optional<AppendHead> parse_append_head(Lexer& words);

// flag-list without \Recent; nothing when malformed.
std::optional<NamedFlags> parse_flags(Lexer& words);
// One flag, added to `flags`: "\Seen", "work". False when it is none. Unknown system flags are.
bool take_flag(std::string_view name, NamedFlags& flags);

// DQUOTE date-time DQUOTE as seconds since 1970.
std::optional<std::int64_t> parse_date_time(std::string_view text);

}  // namespace mailhandler::imap
