// The collecting end of IMAP, without I/O: what `mailhandler fetch` says to any host's server
// (RFC 3501, RFC 9051).
//
//     greeting · CAPABILITY · STARTTLS, CAPABILITY · login · COMPRESS
//     SELECT INBOX, UID FETCH 1:* (UID RFC822.SIZE)
//     Ask Listed → which to fetch           UID FETCH 5:260 (UID BODY.PEEK[]) …
//     Ask Received → which may be deleted
//     Ask Settle → … after the last         UID STORE … (\Deleted), UID EXPUNGE …
//     Ask Finished · LOGOUT · Close
//
// With `idle` it stays instead: Ask Resting · IDLE, or NOOP now and then where there is none · and
// when something has come Ask Resumed · UID FETCH <next>:* … Ask Listed, and so on. agent/retrieval
// answers for each round, run/collect for what is between them.
//
// What it guarantees:
// - The secret never leaves in clear but on loopback. Without TLS where TLS is required, with octets
//   that came in clear behind the answer to STARTTLS, or greeted with PREAUTH in clear (after which
//   no STARTTLS is possible, RFC 9051 section 7.1.4), the session ends.
// - A message is handed on as complete only after its literal, its response's end and its UID came.
// - Nothing is marked \Seen. Deleted is only what the owner named, see client_removal.hpp, and it
//   counts as deleted only after OK to EXPUNGE.
// - UIDs and UIDVALIDITY only: sequence numbers are for people.
// - Without a complete listing nothing is fetched and nothing deleted.
// - NO for one message skips that message; the round goes on.
// - Memory is flat: lines, literals, what is under way and the listing are bounded, whatever comes.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "imap/client_capability.hpp"
#include "imap/client_collection.hpp"
#include "imap/client_fetch.hpp"
#include "imap/client_line.hpp"
#include "imap/client_listing.hpp"
#include "imap/client_login.hpp"
#include "imap/client_removal.hpp"
#include "wire/collecting.hpp"
#include "wire/line_buffer.hpp"

namespace mailhandler::imap {

struct ClientSettings : wire::CollectSettings {
    ClientSettings() {
        window.messages = 512;
        window.octets = 4 << 20;
    }
    std::string nonce;         // for SCRAM: 25 letters of chance, see wire/scram.hpp
    bool look = false;         // EXAMINE instead of SELECT: nothing can be changed
    bool compress = false;     // COMPRESS=DEFLATE (RFC 4978) where it is offered
    bool idle = false;         // stay, and wait for mail
    std::chrono::seconds renew{29 * 60};  // IDLE is begun anew, RFC 2177 section 3
    std::chrono::seconds poll{30};        // where there is no IDLE
};

class ClientSession {
  public:
    using Question = wire::ClientQuestion;
    using Answer = wire::ClientAnswer;

    // `peer` is the server; `secure` where TLS is up from the first octet.
    ClientSession(ClientSettings settings, wire::Peer peer);

    void receive(std::string_view octets);
    void eof() { eof_ = true; }
    // Throws std::logic_error for an answer that does not fit the question.
    void answer(wire::ClientAnswer answer);
    void secured(wire::TlsInfo info);
    // While it rests: look now, at everything.
    void wake() { woken_ = true; }
    // Stop soon: nothing more is asked for; what is under way is handed on, what was stored is
    // deleted. Before the messages are listed, or while it rests, it just ends.
    void drain();
    wire::ClientAction next(Instant now);

    // Of the round under way, or of the session's end while it rested.
    const wire::Outcomes& outcomes() const { return outcomes_; }
    // It has rested at least once: the account works.
    bool rested() const { return rested_; }

  private:
    enum class Phase {
        greeting, capability, starttls, login, login_capability, compress, listing,
        collecting, removing, resting, idling, polling, ending,
    };
    enum class Command {
        capability, starttls, login, compress, select, list, fetch, search, remove, idle, noop,
    };
    struct Flight {
        std::uint64_t tag = 0;
        Command command = Command::noop;
    };

    // the loop
    bool proceed(wire::ClientAction& action);
    wire::ClientAction ask(wire::ClientQuestion question);
    void send(Command command, std::string_view text);

    // failures
    void fail(wire::Failure failure);
    void broken(std::string cause) { fail({std::move(cause), true, false}); }
    void refused(std::string_view doing, const ServerLine& line, bool temporary);
    std::string where_it_ended() const;

    // what is heard, client_hearing.cpp
    bool hear();
    void hear_literal();
    void skip(std::uint64_t octets);
    void hear_line(std::string_view text);
    void hear_end_of(std::string_view text);
    void hear_data(const ServerLine& line, std::string_view whole);
    void hear_fetch(std::string_view text);
    void fetched();
    void hear_status(const ServerLine& line);
    void hear_code(const ServerLine& line);
    void hear_tagged(const ServerLine& line);
    void continued(std::string_view text);

    // one step of the opening each, client_opening.cpp
    void greeted(const ServerLine& line);
    void ask_capabilities();
    void capabilities_known();
    void decide_tls();
    void starttls_answered(const ServerLine& line);
    void log_in();
    void login_step(ClientLogin::Step step);
    void logged_in();
    void compress_or_select();
    void compress_answered(const ServerLine& line);
    void select();
    void selected(const ServerLine& line);
    void list(Uid from);
    void listed(const ServerLine& line);
    void listing_complete();

    // a round
    bool collect(wire::ClientAction& action);
    bool remove(wire::ClientAction& action);
    bool end(wire::ClientAction& action);

    // the rest, client_rest.cpp
    bool at_rest() const;
    bool waiting() const;
    void begin_rest(wire::ClientAction& action);
    Instant rest_until(Instant now);
    void time_is_up(Instant now);
    bool stay(wire::ClientAction& action);
    void settle_in();
    void end_idle();
    void idle_ended(const ServerLine& line);
    void polled();

    void take(wire::Plan plan);
    void take(wire::Progress progress);
    void take(wire::Done);
    void take(wire::Rest rest);

    ClientSettings settings_;
    wire::Peer peer_;
    wire::LineBuffer lines_;
    Phase phase_ = Phase::greeting;
    bool eof_ = false, draining_ = false, stopped_ = false, woken_ = false;
    bool secure_ = false, preauth_ = false, logged_in_ = false, failed_ = false, rested_ = false;

    std::string out_;
    bool start_tls_ = false, start_deflate_ = false, farewell_said_ = false;
    std::deque<Flight> flights_;
    std::uint64_t tags_ = 0;
    std::optional<std::size_t> awaited_;  // the index of the question that is being answered

    // the response being read
    FetchReader fetch_;
    enum class Reading { line, fetch, skipped } reading_ = Reading::line;
    std::uint64_t literal_ = 0;      // octets of it still to come
    bool literal_is_body_ = false;
    std::uint32_t fetch_number_ = 0;
    std::uint64_t skipped_ = 0;      // octets of this response that mean nothing
    std::size_t unbroken_ = 0;       // octets since the last whole line

    ClientCapabilities capabilities_;
    std::optional<ClientLogin> login_;

    // the mailbox
    std::uint32_t validity_ = 0;
    bool read_only_ = false;
    std::size_t exists_ = 0, seen_exists_ = 0;  // now, and when it was listed last
    Uid next_uid_ = 1;                          // below it everything was listed

    // the round
    std::shared_ptr<MailboxListing> listing_;
    std::optional<ClientCollection> collection_;
    std::optional<ClientRemoval> removal_;
    bool listed_owed_ = false;    // Listed is to be asked
    bool settle_owed_ = false;    // something was handed on since the last Settle, or is to go
    bool finished_owed_ = true;
    wire::Outcomes outcomes_;

    // the rest
    bool idling_ = false, done_said_ = false;  // IDLE was answered with "+"; DONE was said
    bool fresh_rest_ = false;
    std::chrono::seconds longest_{0};
    std::optional<Instant> rest_until_;  // then IDLE is begun anew, or NOOP said
    std::optional<Instant> all_again_;   // then everything is listed
    unsigned empty_rounds_ = 0;          // in a row

    bool progress_ = true;
    Instant deadline_{};
};

}  // namespace mailhandler::imap
