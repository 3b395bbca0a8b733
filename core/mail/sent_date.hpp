// When a message says it was sent: its Date field (RFC 5322 section 3.3, with the obsolete forms of
// section 4.3), for SEARCH and SORT.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailhandler::mail {

struct SentDate {
    std::int64_t seconds = 0;  // since 1970, UTC
    std::int32_t day = 0;      // days since 1970 in the zone that it names
    bool operator==(const SentDate&) const = default;
};

// Lenient: names of days and comments go, a missing time is midnight, a missing or unknown zone
// UTC, a year of two or three digits is what RFC 5322 section 4.3 says; asctime(3)'s order and
// dashes are read too. Nothing where there is no day, month and year.
std::optional<SentDate> parse_date(std::string_view value);

}  // namespace mailhandler::mail
