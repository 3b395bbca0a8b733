// What the collecting end of POP3 asks of its owner, and is answered: see client_session.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "pop3/listing.hpp"
#include "wire/action.hpp"

namespace mailhandler::pop3 {

// How much is under way at once, and how it is handed on.
struct Window {
    std::size_t messages = 64;       // RETRs sent and not yet answered, and …
    std::uint64_t octets = 1 << 20;  // … their announced octets, where it is more than one
    std::size_t chunk = 256 * 1024;  // octets gathered before they are handed on, or …
    std::size_t chunk_messages = 64; // … messages
    std::uint64_t message_size = 0;  // octets; a larger message is skipped; 0: no limit
};

struct ClientSettings {
    std::string login;
    std::string secret;        // password, or the OAuth2 access token when `bearer`
    bool bearer = false;       // XOAUTH2 or OAUTHBEARER (RFC 7628) instead of a password
    bool tls_required = true;  // false: on loopback only; a secret is never sent in clear elsewhere
    std::string host;          // the server's name as configured, for OAUTHBEARER
    std::size_t listing = 2'000'000;  // entries before a listing counts as endless
    Window window;
    std::chrono::seconds greeting{60};
    std::chrono::seconds reply{300};          // without an octet from the server
};

// --- questions ---------------------------------------------------------------------------

// The listing is complete. On the disk pool (the ledger is asked). → Plan
struct Listed {
    std::shared_ptr<const Listing> listing;
};

// What came of a message, in the order they were planned. A message is one Piece, or several: only
// its first one has `first`, only its last one has an `end` other than `more`. Whatever is not
// closed by `complete` is to be thrown away.
struct Piece {
    enum class End {
        more,      // the next Piece goes on with it
        complete,  // CRLF.CRLF came
        refused,   // -ERR instead of the message: `octets` holds the server's words
        too_large, // the limit was passed: skipped
    };
    std::uint32_t index = 0;  // in the Listing
    bool first = true;
    End end = End::complete;
    std::string octets;  // dot-unstuffed, otherwise as the server sent them
};
// Many small messages or a part of a large one. On the disk pool; the answer may wait for room
// (nothing is read from the server meanwhile) and need not wait for durability. → Progress
struct Received {
    std::vector<Piece> pieces;
};
// No more will be handed over: wait until what was is durable. On the disk pool. → Progress
struct Settle {
    bool farewell = false;  // everything went well: QUIT follows, and deletes what was named
};

// How the run went.
struct Outcomes {
    bool complete = false;        // everything planned was done, and QUIT was answered with +OK
    bool temporary = true;        // of a failure: a later run may succeed by itself
    bool authentication = false;  // the failure is the login's
    std::string cause;            // of a failure: a sentence, with the server's words
    bool listed = false;          // both listings were complete
    bool well_formed = false;     // … and every line understood
    std::size_t messages = 0;     // in the listing
    std::size_t fetched = 0;      // handed on as complete
    std::uint64_t octets = 0;     // of them
    std::size_t refused = 0;      // -ERR instead of a message
    std::size_t too_large = 0;
    std::size_t wrong_size = 0;   // fetched with other octets than announced: noted, nothing more
    std::vector<std::uint32_t> deleted;  // indexes; filled only after +OK to QUIT
    std::size_t not_deleted = 0;  // DELE answered with -ERR
};
// The end, in every case that reaches it. On the disk pool. → Done
struct Finished {
    Outcomes outcomes;
};

using ClientQuestion = std::variant<Listed, Received, Settle, Finished>;

wire::Place place(const ClientQuestion& question);

// --- answers -----------------------------------------------------------------------------

// Indexes into the Listing.
struct Plan {
    std::vector<std::uint32_t> fetch;   // in this order
    std::vector<std::uint32_t> remove;  // safe already, and kept long enough
    bool headers_only = false;          // TOP n 0 instead of RETR: a rehearsal
};
struct Progress {
    std::vector<std::uint32_t> remove;  // safely stored: may be deleted
    bool stop = false;                  // fetch no more; what is under way is still handed over
};
struct Done {};

using ClientAnswer = std::variant<Plan, Progress, Done>;

using ClientAction = wire::Action<ClientQuestion>;

}  // namespace mailhandler::pop3
