// What many answers to an IMAP session's questions hold (imap/question.hpp): a verdict, and what
// became different in the selected mailbox.
//
// A verdict becomes the tagged response: OK, or NO with a response code and words. Changes are told
// to the client where the protocol allows it, which is imap/view.hpp's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imap/flags.hpp"
#include "imap/uid_set.hpp"

namespace mailhandler::imap {

// Response codes that an owner may give (RFC 9051 section 7.1, RFC 5530, 5464, 6154).
enum class Code {
    none,
    already_exists,
    authentication_failed,
    bad_charset,
    cannot,
    corruption,
    has_children,
    in_use,
    limit,
    metadata_maxsize,  // `number`: octets of the largest value taken
    metadata_toomany,
    metadata_noprivate,
    nonexistent,
    no_perm,
    over_quota,
    server_bug,
    too_big,
    try_create,
    unavailable,  // passes by itself
    unknown_cte,
    use_attr,
};

// OK, or NO for this reason.
struct Verdict {
    bool ok = true;
    Code code = Code::none;
    std::string text;  // a person's words behind the code; empty: the usual ones
    std::uint64_t number = 0;
};

inline Verdict no(Code code, std::string text = {}) { return {false, code, std::move(text), 0}; }

// RFC 7162 section 1: 63 bits, 0 only where a mailbox has none.
using ModSeq = std::uint64_t;

// One message as the view knows it.
struct Message {
    Uid uid = 0;
    Flags flags = 0;
    ModSeq modseq = 0;
};

// What became different in the selected mailbox since the last answer about it.
struct Changes {
    std::vector<Message> fresh;    // ascending, above all that was told before
    std::vector<Message> changed;  // flags or modseq, of messages told before; ascending
    UidSet vanished;               // of messages told before
    ModSeq highest_modseq = 0;     // 0: as before
    Uid uid_next = 0;              // 0: as before
    Uid first_recent = 0;          // messages with this UID and above are \Recent here; 0: no more are
    std::optional<std::vector<std::string>> keywords;  // the whole list, when it grew
    bool gone = false;  // the mailbox was deleted, or has another UIDVALIDITY: the session ends it
};

}  // namespace mailhandler::imap
