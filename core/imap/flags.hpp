// Flags and keywords of a message, as one word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::imap {

// Bits 0–4 are the system flags (RFC 9051 section 2.3.2), bits 6–31 the keywords of the mailbox:
// bit 6 + i is the keyword at index i of its list, which only grows. A maildir name has letters for
// 26 of them (a–z).
using Flags = std::uint32_t;

constexpr Flags flag_answered = 1, flag_flagged = 2, flag_deleted = 4, flag_seen = 8,
                flag_draft = 16;
constexpr Flags system_flags = 31;
constexpr unsigned first_keyword_bit = 6;
constexpr std::size_t most_keywords = 26;

constexpr Flags keyword_flag(std::size_t index) { return Flags{1} << (first_keyword_bit + index); }

// Flags as a client names them: keywords by name, because they may be new to the mailbox.
struct NamedFlags {
    Flags system = 0;
    std::vector<std::string> keywords;  // as given, each once; compared without regard to case
    bool operator==(const NamedFlags&) const = default;
};

}  // namespace mailhandler::imap
