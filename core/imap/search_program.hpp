// What SEARCH, SORT and THREAD look for (RFC 9051 section 6.4.4, RFC 5256), as a tree.
//
// The session has already turned into UIDs whatever depends on one client's view (sequence numbers,
// "$", RECENT, NEW, OLD), so that a tree is judged with a message's UID, flags, modseq, dates, size
// and content alone.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "imap/flags.hpp"
#include "imap/uid_set.hpp"

namespace mailhandler::imap {

// Days since 1970-01-01 in the proleptic Gregorian calendar.
using Day = std::int32_t;

struct SearchKey {
    enum class Kind {
        all,            // every message
        nothing,        // none: a keyword the mailbox does not know, an empty "$"
        all_of,         // every one of `keys` (none: true)
        any_of,         // one of `keys` at least
        not_of,         // not keys[0]
        uids,           // in `uids`
        flags,          // all of `flags` are set; not_of around it for UNSEEN and its like
        internal_date,  // its internal date, the time of day and the zone disregarded (UTC), is in
                        // [from_day, before_day)
        sent_date,      // the same of its Date header, in the zone that it names; without one it
                        // matches nothing
        size,           // RFC822.SIZE is in [from, before)
        modseq,         // modseq >= from (RFC 7162 section 3.1.5)
        header,         // a field `field` whose decoded value contains `text`; "": is there at all
        body,           // the decoded body contains `text`
        text,           // the decoded header or body contains `text`
    };
    Kind kind = Kind::all;
    std::vector<SearchKey> keys;
    UidSet uids;
    Flags flags = 0;
    Day from_day = std::numeric_limits<Day>::min(), before_day = std::numeric_limits<Day>::max();
    std::uint64_t from = 0, before = std::numeric_limits<std::uint64_t>::max();
    std::string field;  // header field's name, as given
    std::string
        text;  // in the program's charset; compared without regard to case (i;unicode-casemap)
};

// The tree is at most so deep (RFC 9051 has no bound; a flood of parentheses has to end somewhere).
constexpr std::size_t deepest_search = 32;

// sort-key (RFC 5256 section 3); ties are broken by UID.
struct SortKey {
    enum class Kind { arrival, cc, date, from, size, subject, to };
    Kind kind = Kind::arrival;
    bool reverse = false;
};

enum class Threading { ordered_subject, references };

// One line of a forest in preorder: `depth` 0 begins a thread, depth n+1 is a child of the nearest
// line above with depth n. `uid` 0: a parent that is not there (RFC 5256 section 4).
struct ThreadLine {
    Uid uid = 0;
    std::uint32_t depth = 0;
    bool operator==(const ThreadLine&) const = default;
};

}  // namespace mailhandler::imap
