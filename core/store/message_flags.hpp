// Flags of a message as its maildir name has them: NAME:2,<letters>.
//
// D draft, F flagged, R replied (\Answered), S seen, T trashed (\Deleted); a to z are the keywords of
// the mailbox by their place in its list (store/keywords). Letters that mean nothing here (P, "passed",
// of mutt) stay where they are when flags change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailhandler::store {

// Bits 0–4 system flags, bit 6 + i the keyword at index i: as imap::Flags has it.
using Flags = std::uint32_t;

constexpr Flags flag_answered = 1, flag_flagged = 2, flag_deleted = 4, flag_seen = 8,
                flag_draft = 16;
constexpr unsigned first_keyword_bit = 6;
constexpr std::size_t most_keywords = 26;

// Of the letters behind ":2,".
Flags flags_of_letters(std::string_view letters);
// Of a whole directory entry; 0 where it has no ":2,".
Flags flags_of_file(std::string_view file);
// The letters, in ASCII order as maildir asks, with those of `kept` that mean nothing here.
std::string letters_of(Flags flags, std::string_view kept = {});
// The entry with these flags instead of its own: "NAME:2,<letters>".
std::string with_flags(std::string_view file, Flags flags);
// Up to the flags: "BASE,S=1,W=1".
std::string_view without_flags(std::string_view file);
// Up to the first comma or colon: what a message is known by whatever becomes of its name.
std::string_view base_of(std::string_view file);

}  // namespace mailhandler::store
