// What imap::ServerSession asks of its owner, and what it hears: values only. agent/imap_access
// answers them.
//
// The session speaks to its owner in UIDs and in UTF-8 names. It holds the client's view of the
// selected mailbox (which UIDs stand at which sequence number, flags, modseqs); the owner holds the
// mailbox itself, and remembers for this session what it has told it. Every answer about the
// selected mailbox carries Changes: what is different from what was told before, the session's own
// doings included. So one question does, and nothing is told twice or not at all.
//
// One question at a time, for one selected mailbox at most. place() says where each is answered;
// all but the few inline ones may block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "imap/flags.hpp"
#include "imap/search_program.hpp"
#include "imap/uid_set.hpp"
#include "wire/action.hpp"

namespace mailhandler::imap {

// Between the levels of a mailbox name, as Dovecot has it for Maildir++.
constexpr char separator = '.';

// RFC 7162 section 1: 63 bits, 0 only where a mailbox has none.
using ModSeq = std::uint64_t;

// --- what many answers hold --------------------------------------------------------------

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
    std::optional<std::vector<std::string>> keywords;  // the whole list, when it grew
    bool gone = false;  // the mailbox was deleted, or has another UIDVALIDITY: the session ends it
};

// --- logging in --------------------------------------------------------------------------

// May this client speak at all? Asked before the greeting. Inline. → Verdict
struct MayConnect {};
// LOGIN, AUTHENTICATE PLAIN. On the password pool. → Verdict
struct MayLogin {
    std::string login, password;
};

// --- mailboxes: all on the disk pool -----------------------------------------------------

// Names are well-formed UTF-8 without control characters, levels divided by `separator`; INBOX
// is spelt so. Whether a name can be a mailbox here is the owner's to say: CANNOT.

// All there are. → Folders
struct ListFolders {};

// special-use attributes (RFC 6154 section 2)
enum class SpecialUse { none, all, archive, drafts, flagged, junk, sent, trash };

// CREATE, also of the levels above. ALREADYEXISTS, CANNOT, USEATTR. → Verdict
struct Create {
    std::string name;
    SpecialUse use = SpecialUse::none;
};
// DELETE. NONEXISTENT, CANNOT (INBOX), HASCHILDREN only where the owner will not keep them. →
// Verdict
struct Delete {
    std::string name;
};
// RENAME with everything below it; from INBOX: its messages move (RFC 9051 section 6.3.6). →
// Verdict
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
};

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

struct StatusOf {
    Verdict verdict;
    std::uint32_t messages = 0, unseen = 0, recent = 0, deleted = 0;
    Uid uid_next = 1;
    std::uint32_t uid_validity = 1;
    ModSeq highest_modseq = 1;
    std::uint64_t size = 0;  // octets
};
struct Statuses {
    std::vector<StatusOf> statuses;  // one for each name, in order
};

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

// --- the selected mailbox ----------------------------------------------------------------

// QRESYNC of SELECT (RFC 7162 section 3.2.5): what the client knew. `known` empty: everything.
struct Resync {
    std::uint32_t uid_validity = 0;
    ModSeq modseq = 0;
    UidSet known;
};

// SELECT, EXAMINE. What was selected before is not any more, even when this fails. → Selected
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

// What happened in the meantime? NOOP, IDLE, before SEARCH and whenever a view may change. →
// Refreshed
struct Refresh {};
struct Refreshed {
    Verdict verdict;
    Changes changes;
};

// FETCH … (CHANGEDSINCE n VANISHED) (RFC 7162 section 3.2.6): which UIDs of `uids` vanished after
// `modseq`. Where it is not known when they vanished: all that are not there. Pooled.
// → Vanished
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

// --- messages: contents ------------------------------------------------------------------

// BODY[…], BINARY[…] (RFC 9051 section 6.4.5).
struct Section {
    enum class What {
        all,                // BODY[], BODY[1.2]
        header,             // [HEADER], [1.2.HEADER]
        header_fields,      // [HEADER.FIELDS (…)]: those of `fields`, with the empty line
        header_fields_not,  // [HEADER.FIELDS.NOT (…)]
        text,               // [TEXT], [1.2.TEXT]
        mime,               // [1.2.MIME]
        binary,             // BINARY[1.2], BINARY[]: the transfer encoding undone (RFC 3516)
        binary_size,        // BINARY.SIZE[1.2]: only the length of that
    };
    What what = What::all;
    std::vector<std::uint32_t> part;  // [1.2] → 1, 2; empty: the message itself
    std::vector<std::string> fields;  // as given
};

struct FetchItems {
    bool envelope = false;
    bool body_structure = false;  // with extension data
    bool body = false;            // without
    bool size = false;
    bool internal_date = false;
    std::vector<Section> sections;
    bool mark_seen =
        false;  // some section is not .PEEK: set \Seen, unless the mailbox is read-only
};

// Contents of these messages. On the disk pool. → Fetched
struct Fetch {
    std::vector<Uid> uids;  // ascending; at most Settings::batch
    FetchItems items;
};

// One section, whole; the session cuts <partial> out of it. Small ones are best read at once into
// `octets`; of a large one only where it lies. A section that is not there: `nil`.
struct Octets {
    bool nil = false;
    std::string octets;                // used when `body` is null
    std::shared_ptr<wire::Body> body;  // else this range of it, in wire form (CRLF)
    std::uint64_t offset = 0;
    std::uint64_t length = 0;  // of `body`; for binary_size the length asked for, with nothing else
};

struct Content {
    Uid uid = 0;
    Verdict verdict;    // not ok: this one cannot be had, the others can (UNKNOWN-CTE, UNAVAILABLE)
    bool gone = false;  // it has vanished
    // Rendered, as it goes behind "ENVELOPE " and its like; imap/envelope.hpp,
    // imap/body_structure.hpp.
    std::string envelope, body_structure, body;
    std::uint64_t size = 0;          // RFC822.SIZE: octets as they are sent
    std::int64_t internal_date = 0;  // seconds since 1970, UTC
    std::vector<Octets> sections;    // one for each of FetchItems::sections, in order
};

// The owner bounds memory: it may answer the first few only (one at least) of what was asked for,
// as soon as some 256 KiB have come together. The rest is asked for again.
struct Fetched {
    std::vector<Content> contents;  // of Fetch::uids[0], [1], …
    Changes changes;                // \Seen among them
};

// SEARCH, SORT (`sort` not empty), THREAD (`threading`). On the disk pool. → Found
struct Search {
    SearchKey program;
    std::string charset;  // of its texts: "US-ASCII", "UTF-8", …, upper case. Else BADCHARSET
    std::vector<SortKey> sort;
    std::optional<Threading> threading;
    bool needs_content = false;  // some key or sort key looks into messages
};
struct Found {
    Verdict verdict;
    std::vector<Uid> uids;            // ascending, or in the order asked for
    std::vector<ThreadLine> threads;  // for THREAD, instead
};

// --- messages: changing ------------------------------------------------------------------

// STORE. On the disk pool. A message that has vanished is passed over. LIMIT when there is no
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

// EXPUNGE, UID EXPUNGE: removes what is \Deleted, of `uids` or of all. On the disk pool. → Changed
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

// APPEND: AppendMessage, its AppendOctets and so on for each message of the command, then
// AppendCommit or AppendDiscard. All on the disk pool but the last, which is inline.

// The next message, before its octets are taken. OVERQUOTA, TOOBIG, TRYCREATE, LIMIT (keywords).
// Not ok: the command has failed, and AppendDiscard follows. → Verdict
struct AppendMessage {
    std::string mailbox;
    NamedFlags flags;
    std::optional<std::int64_t> internal_date;  // seconds since 1970
    std::uint64_t size = 0;                     // octets to come, before line ends are mended
};
// A piece of it, in order, lines ended by CRLF. → Verdict
struct AppendOctets {
    std::string octets;
    bool last = false;  // the message is complete
};
// All messages, durably and together (RFC 3502). → Appended
struct AppendCommit {};
struct Appended {
    Verdict verdict;
    std::uint32_t uid_validity = 0;
    std::vector<Uid> uids;  // in the order of the messages; empty: cannot be told
    Changes changes;        // of the selected mailbox, where there is one
};
// Nothing is to become of it. Inline. → Verdict, which is not looked at
struct AppendDiscard {};

// -----------------------------------------------------------------------------------------

using Question = std::variant<MayConnect, MayLogin, ListFolders, Create, Delete, Rename, Subscribe,
                              GetStatus, GetQuota, GetMetadata, SetMetadata, Select, Refresh,
                              VanishedSince, Unselect, Watch, Fetch, Search, Store, Expunge, Copy,
                              AppendMessage, AppendOctets, AppendCommit, AppendDiscard>;

using Answer = std::variant<Verdict, Folders, Statuses, Quota, Annotations, Selected, Refreshed,
                            Vanished, Fetched, Found, Stored, Changed, Copied, Appended>;

wire::Place place(const Question& question);

// What is known of the client when a question is asked.
struct Client {
    wire::Peer peer;
    std::optional<wire::TlsInfo> tls;
    std::string login;  // after a login
};

using Action = wire::Action<Question>;

}  // namespace mailhandler::imap
