// What an IMAP session asks about what is in messages (imap/question.hpp): to read them, to find them,
// and to bring in new ones. All but AppendDiscard is answered on the disk pool.
//
// No message passes through the session's memory as a whole: a large one goes out as a range of a
// file, and comes in piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imap/answer.hpp"
#include "imap/search_program.hpp"
#include "wire/action.hpp"

namespace mailhandler::imap {

// --- read --------------------------------------------------------------------------------

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
    // Some section is not .PEEK: set \Seen, unless the mailbox is read-only.
    bool mark_seen = false;
};

// Contents of these messages. → Fetched
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

// --- found -------------------------------------------------------------------------------

// SEARCH, SORT (`sort` not empty), THREAD (`threading`). → Found
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

// --- brought in --------------------------------------------------------------------------

// APPEND: AppendMessage, its AppendOctets and so on for each message of the command, then
// AppendCommit or AppendDiscard.

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

}  // namespace mailhandler::imap
