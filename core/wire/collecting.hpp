// What the collecting end of a mailbox protocol, POP3 or IMAP, asks of its owner, and is answered:
// one vocabulary for both, so that nothing about a message is decided twice.
//
//     Listed    what is there              → Plan      what to fetch, what may go at once
//     Received  messages, in pieces        → Progress  what may be deleted
//     Settle    no more will come          → Progress  … the last of it
//     Finished  how the round went         → Done
//
// That is one round; Settle and Finished come at its end however it goes. A session that stays to
// wait for mail (IMAP IDLE) asks Resting behind it and Resumed before the next one. agent/retrieval
// answers for a round, run/collect for what is between them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/action.hpp"

namespace mailhandler::wire {

// What a server says it holds, in its order. Servers are not believed: whoever read it says what
// was not understood.
class Listing {
  public:
    virtual ~Listing() = default;

    virtual std::size_t count() const = 0;
    virtual std::uint64_t number(std::size_t index) const = 0;  // for people: as the server counts
    virtual std::uint64_t size(std::size_t index) const = 0;    // octets, as announced: a hint
    // Its lasting name: UIDL (RFC 1939) or IMAP UID, within mailbox() and validity().
    virtual std::string uid(std::size_t index) const = 0;
    virtual std::string mailbox() const { return {}; }         // "" for POP3
    virtual std::uint64_t validity() const { return 0; }       // UIDVALIDITY

    // It names everything there is, and every line was understood: what it does not name is gone.
    virtual bool well_formed() const = 0;
    virtual std::size_t misunderstood() const = 0;
    // The first few of those, ready to be shown.
    virtual const std::vector<std::string>& complaints() const = 0;
    // Indexes of messages whose uid an earlier message of this listing has as well.
    virtual const std::vector<std::uint32_t>& repeated() const = 0;
};

// How much is under way at once, and how it is handed on.
struct Window {
    std::size_t messages = 256;      // asked for and not yet there, and …
    std::uint64_t octets = 4 << 20;  // … their announced octets, where it is more than one
    std::size_t chunk = 256 * 1024;  // octets gathered before they are handed on, or …
    std::size_t chunk_messages = 64; // … messages
    std::uint64_t message_size = 0;  // octets; a larger message is skipped; 0: no limit
};

// An account, and how its server is to be treated.
struct CollectSettings {
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

// What came of a message. A message is one Piece, or several: only its first one has `first`, only
// its last one has an `end` other than `more`. Whatever is not closed by `complete` is to be thrown
// away.
struct Piece {
    enum class End {
        more,      // the next Piece goes on with it
        complete,  // all of it is here
        refused,   // the server will not give it: `octets` holds its words
        too_large, // the limit was passed: skipped
        gone,      // somebody else has deleted it
    };
    std::uint32_t index = 0;  // in the Listing; only the last Piece need know it
    bool first = true;
    End end = End::complete;
    std::string octets;  // as they are on the server
};
// Many small messages or a part of a large one. On the disk pool; the answer may wait for room
// (nothing is read from the server meanwhile) and need not wait for durability. → Progress
struct Received {
    std::vector<Piece> pieces;
};
// No more will be handed over: wait until what was is durable. On the disk pool. → Progress
struct Settle {
    bool farewell = false;  // everything went well: what was named is deleted next
};

// How a round went.
struct Outcomes {
    bool complete = false;        // everything planned was done, and the server has confirmed it
    bool temporary = true;        // of a failure: a later run may succeed by itself
    bool authentication = false;  // the failure is the login's
    std::string cause;            // of a failure: a sentence, with the server's words
    bool listed = false;          // the listing was complete
    bool well_formed = false;     // … and every line understood
    std::size_t messages = 0;     // on the server, when it was listed
    std::size_t fetched = 0;      // handed on as complete
    std::uint64_t octets = 0;     // of them
    std::size_t refused = 0;      // the server would not give them
    std::size_t gone = 0;         // somebody else deleted them first
    std::size_t too_large = 0;
    std::size_t wrong_size = 0;   // fetched with other octets than announced: noted, nothing more
    std::vector<std::uint32_t> deleted;  // indexes; only what the server has confirmed
    std::size_t not_deleted = 0;  // it would not delete these …
    std::string why_not;          // … for this reason
    std::vector<std::string> notes;  // what a server wants people to read: a few
};
// The end, in every case that reaches it. On the disk pool. → Done
struct Finished {
    Outcomes outcomes;
};

// The round is over, and from now on it is waited for mail. On the network thread. → Rest
struct Resting {};
// Something has come, or time is up: the next round begins. On the network thread. → Done
struct Resumed {};

using ClientQuestion = std::variant<Listed, Received, Settle, Finished, Resting, Resumed>;

Place place(const ClientQuestion& question);

// --- answers -----------------------------------------------------------------------------

// Indexes into the Listing.
struct Plan {
    std::vector<std::uint32_t> fetch;   // in this order
    std::vector<std::uint32_t> remove;  // safe already, and kept long enough
    bool headers_only = false;          // a rehearsal: no more than the header of each
    bool stop = false;                  // nothing can be done now: the session ends
};
struct Progress {
    std::vector<std::uint32_t> remove;  // safely stored: may be deleted
    bool stop = false;                  // fetch no more; what is under way is still handed over
};
struct Done {};
struct Rest {
    std::chrono::seconds longest{29 * 60};  // then everything is listed again, whatever happened
};

using ClientAnswer = std::variant<Plan, Progress, Done, Rest>;

// Whether this is an answer to that question, by their indexes: for sessions to insist on.
bool fits(std::size_t question, std::size_t answer);

using ClientAction = Action<ClientQuestion>;

}  // namespace mailhandler::wire
