// The collecting end of POP3, without I/O: what `mailhandler fetch` says to any host's server.
//
//     greeting · CAPA · STLS, CAPA · login · (CAPA) · UIDL, LIST
//     Ask Listed → which to fetch           RETR, RETR, RETR …
//     Ask Received → which may be deleted   DELE, DELE …
//     Ask Settle → … after the last         DELE … QUIT
//     Ask Finished · Close
//
// RETRs and DELEs are pipelined where the server offers it (RFC 2449 section 6.6), else it waits
// for each. agent/retrieval answers the questions.
//
// What it guarantees:
// - The secret never leaves in clear but on loopback. Without TLS where TLS is required, or with
//   octets that came in clear behind the answer to STLS, the run ends.
// - A message is handed on as complete only after its CRLF.CRLF. A lost connection never makes one.
// - DELE is said only for messages the owner named in an answer; `deleted` of the result counts
//   them only after +OK to QUIT, for without it a server deletes nothing (RFC 1939 section 6).
// - Without both listings complete, nothing is fetched and nothing deleted.
// - -ERR for one message skips that message; the run goes on.
// - Memory is flat: a line, a chunk, the window and the listing are bounded, whatever the server does.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pop3/listing.hpp"
#include "wire/action.hpp"

namespace mailhandler::pop3 {

struct ClientSettings {
    std::string login;
    std::string secret;        // password, or the OAuth2 access token when `bearer`
    bool bearer = false;       // XOAUTH2 or OAUTHBEARER (RFC 7628) instead of a password
    bool tls_required = true;  // false: on loopback only; a secret is never sent in clear elsewhere
    std::string host;          // the server's name as configured, for OAUTHBEARER
    std::size_t window = 64;   // RETRs under way at once, and …
    std::uint64_t window_octets = 1 << 20;    // … their announced octets, where it is more than one
    std::size_t chunk = 256 * 1024;           // octets gathered before they are handed on, and …
    std::size_t chunk_messages = 64;          // … messages
    std::size_t listing = 2'000'000;          // entries
    std::uint64_t message_size = 0;           // octets; a larger message is skipped; 0: no limit
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
// Everything planned has been handed over: wait until it is durable. On the disk pool. → Progress
struct Settle {};

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

class ClientSession {
  public:
    using Question = ClientQuestion;
    using Answer = ClientAnswer;

    // `peer` is the server; `secure` where TLS is up from the first octet.
    ClientSession(ClientSettings settings, wire::Peer peer);
    ~ClientSession();
    ClientSession(ClientSession&&) noexcept;
    ClientSession& operator=(ClientSession&&) noexcept;

    void receive(std::string_view octets);
    void eof();
    // Throws std::logic_error for an answer that does not fit the question.
    void answer(ClientAnswer answer);
    void secured(wire::TlsInfo info);
    void wake() {}
    // Stop soon: no further RETR; what was stored is deleted and QUIT said.
    void drain();
    ClientAction next(Instant now);

    const Outcomes& outcomes() const;

  private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace mailhandler::pop3
