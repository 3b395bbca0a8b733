// What an IMAP session asks about the mailbox it has selected (imap/question.hpp): opening it,
// watching it and letting it go, and what becomes of its messages' flags and places.
//
// The session holds the client's view of the mailbox (which UIDs stand at which sequence number,
// flags, modseqs); the owner holds the mailbox itself, and remembers for this session what it has
// told it. Every answer carries Changes: what is different from what was told before, the session's
// own doings included. So one question does, and nothing is told twice or not at all. All but Watch
// is answered on the disk pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imap/answer.hpp"

namespace mailhandler::imap {

// --- opened, watched, let go -------------------------------------------------------------

// QRESYNC of SELECT (RFC 7162 section 3.2.5): what the client knew. `known` empty: everything.
struct Resync {
    std::uint32_t uid_validity = 0;
    ModSeq modseq = 0;
    UidSet known;
};

// SELECT, EXAMINE. What was selected before is not any more, even when this fails: as it does with an
// empty name, which stands for one that can be no mailbox's. → Selected
struct Select {
    std::string name;
    bool read_only = false;
    bool condstore = false;  // the client uses modseqs: they are to outlive the server's process
    std::optional<Resync> resync;
};
struct Selected {
    Verdict verdict;
    std::uint32_t uid_validity = 1;
    Uid uid_next = 1;
    ModSeq highest_modseq = 1;
    // Messages with this UID and above are \Recent in this session; 0: none are.
    Uid first_recent = 0;
    std::vector<std::string> keywords;  // the mailbox's list, see imap/flags.hpp
    std::vector<Message> messages;      // ascending by UID
    // For Select::resync with this UIDVALIDITY: those of `known` (or of all there ever were) that
    // vanished after `modseq`. Where it is not known when they vanished: all that are not there.
    UidSet vanished;
};

// What happened in the meantime? NOOP, IDLE, before SEARCH and whenever a view may change. Not ok:
// it cannot be seen now, and the session goes on with what it knows. → Refreshed
struct Refresh {};
struct Refreshed {
    Verdict verdict;
    Changes changes;
};

// FETCH … (CHANGEDSINCE n VANISHED) (RFC 7162 section 3.2.6): which UIDs of `uids` vanished after
// `modseq`. Where it is not known when they vanished: all that are not there. → Vanished
struct VanishedSince {
    ModSeq modseq = 0;
    UidSet uids;
};
struct Vanished {
    Verdict verdict;
    UidSet uids;
};

// CLOSE, UNSELECT, LOGOUT: the mailbox is no longer selected. `expunge`: first remove what is
// \Deleted. → Verdict
struct Unselect {
    bool expunge = false;
};

// IDLE begins or ends: the owner wakes the session (net::Handle::wake) when the selected mailbox
// may have changed. A change between the last answer and the watch wakes at once. Without a
// selected mailbox there is nothing to watch. Inline. → Verdict, which is not looked at
struct Watch {
    bool on = true;
};

// --- flags and places of its messages ----------------------------------------------------

// STORE. A message that has vanished is passed over. LIMIT when there is no
// letter left for a keyword. → Stored
struct Store {
    UidSet uids;  // every message known to this session in these ranges
    enum class How { add, remove, replace } how = How::add;
    NamedFlags flags;
    // Only messages whose modseq is not above it (RFC 7162 section 3.1.3).
    std::optional<ModSeq> unchanged_since;
};
struct Stored {
    Verdict verdict;
    UidSet modified;  // those that UNCHANGEDSINCE kept from being changed
    Changes changes;
};

// EXPUNGE, UID EXPUNGE: removes what is \Deleted, of `uids` or of all. → Changed
struct Expunge {
    std::optional<UidSet> uids;
};
struct Changed {
    Verdict verdict;
    Changes changes;
};

// COPY, MOVE: all or none. TRYCREATE where there is no such mailbox, OVERQUOTA. → Copied
struct Copy {
    UidSet uids;
    std::string destination;
    bool move = false;
};
struct Copied {
    Verdict verdict;
    std::uint32_t uid_validity = 0;  // of the destination
    std::vector<Uid> from, to;       // the UIDs: from[i] became to[i]
    Changes changes;
};

}  // namespace mailhandler::imap
