// One line of a ledger: a checksum, a kind and fields. Only for store/ledger.
//
//     <crc32, 8 hex> S <mailbox> <validity> <uid> <size> <hash> [<stage> <to>]… <when>   staged
//     <crc32, 8 hex> D <mailbox> <validity> <uid> <size> <hash> <when>                   done
//     <crc32, 8 hex> L <mailbox> <validity> <uid>                                 leaving
//     <crc32, 8 hex> F <mailbox> <validity> <uid>                                 forgotten
//     <crc32, 8 hex> W <mailbox> <validity> <uid> <size> <domain> <local> <when>  waits for room
//     <crc32, 8 hex> M <mailbox> <validity> <uid> <old validity> <old uid>        adopted
//
// <when> is in seconds since the epoch. Fields are separated by one space; in them control characters, space and '%' are %HH, and the
// empty field is "%".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::store {

// Appends one line for these fields, the kind first.
void append_record(std::string& to, const std::vector<std::string_view>& fields);

// The fields of a line (without its newline); nothing when it is damaged.
std::optional<std::vector<std::string>> parse_record(std::string_view line);

}  // namespace mailhandler::store
