// What an IMAP session asks about the account's mailboxes (imap/question.hpp): which there are, how
// full they are, and what is noted about them. All of it is answered on the disk pool.
//
// Names are well-formed UTF-8 without control characters, levels divided by `separator`; INBOX is
// spelt so. Whether a name can be a mailbox here is the owner's to say: CANNOT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imap/answer.hpp"

namespace mailhandler::imap {

// Between the levels of a mailbox name, as Dovecot has it for Maildir++.
constexpr char separator = '.';

// --- which there are ---------------------------------------------------------------------

// special-use attributes (RFC 6154 section 2)
enum class SpecialUse { none, all, archive, drafts, flagged, junk, sent, trash };

// All there are. → Folders
struct ListFolders {};
struct Folder {
    std::string name;
    bool exists = true;  // false: only subscribed to, or only a level above one that exists
    bool subscribed = false;
    SpecialUse use = SpecialUse::none;
};
struct Folders {
    Verdict verdict;
    std::vector<Folder> folders;  // in any order; INBOX is always there
};

// CREATE, also of the levels above. ALREADYEXISTS, CANNOT, USEATTR. → Verdict
struct Create {
    std::string name;
    SpecialUse use = SpecialUse::none;
};
// DELETE. NONEXISTENT, CANNOT (INBOX), HASCHILDREN only where the owner will not keep them.
// → Verdict
struct Delete {
    std::string name;
};
// RENAME with everything below it; from INBOX: its messages move (RFC 9051 section 6.3.6).
// → Verdict
struct Rename {
    std::string from, to;
};
// SUBSCRIBE, UNSUBSCRIBE, durably; of any name, existing or not. → Verdict
struct Subscribe {
    std::string name;
    bool subscribe = true;
};
// STATUS, LIST … RETURN (STATUS). → Statuses
struct GetStatus {
    std::vector<std::string> names;
    bool size = false;     // StatusOf::size and …
    bool deleted = false;  // … these are wanted too: they may cost more
    bool deleted_size = false;
};
struct StatusOf {
    Verdict verdict;
    std::uint32_t messages = 0, unseen = 0, recent = 0, deleted = 0;
    Uid uid_next = 1;
    std::uint32_t uid_validity = 1;
    ModSeq highest_modseq = 1;
    std::uint64_t size = 0, deleted_size = 0;  // octets: of all messages, of the deleted ones
};
struct Statuses {
    std::vector<StatusOf> statuses;  // one for each name, in order
};

// --- how full they are, and what is noted ------------------------------------------------

// GETQUOTA, GETQUOTAROOT: there is one root, of the account. → Quota
struct GetQuota {};
struct Quota {
    Verdict verdict;
    std::uint64_t used = 0;              // octets
    std::optional<std::uint64_t> limit;  // octets; nothing: none is set
};

// METADATA (RFC 5464): all annotations of a mailbox, "" for the server's own. The session does
// MAXSIZE and DEPTH. → Annotations
struct GetMetadata {
    std::string mailbox;
};
// SETMETADATA: all of them or none, durably. METADATA …, NONEXISTENT. → Verdict
struct Annotation {
    std::string entry;                 // "/private/comment", lower case
    std::optional<std::string> value;  // octets; nothing: remove it
};
struct SetMetadata {
    std::string mailbox;
    std::vector<Annotation> annotations;
};
struct Annotations {
    Verdict verdict;
    std::vector<Annotation> annotations;  // that have a value
};

}  // namespace mailhandler::imap
