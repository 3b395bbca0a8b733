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
// - Memory is flat: a line, a chunk, the window and the listing are bounded, whatever comes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pop3/capability.hpp"
#include "pop3/client_login.hpp"
#include "pop3/client_question.hpp"
#include "pop3/collection.hpp"
#include "wire/line_buffer.hpp"

namespace mailhandler::pop3 {

class ClientSession {
  public:
    using Question = ClientQuestion;
    using Answer = ClientAnswer;

    // `peer` is the server; `secure` where TLS is up from the first octet.
    ClientSession(ClientSettings settings, wire::Peer peer);

    void receive(std::string_view octets);
    void eof() { eof_ = true; }
    // Throws std::logic_error for an answer that does not fit the question.
    void answer(ClientAnswer answer);
    void secured(wire::TlsInfo info);
    void wake() {}
    // Stop soon: no further RETR; what is under way is handed on, what was stored is deleted and
    // QUIT said. Before the messages are listed it just ends.
    void drain();
    ClientAction next(Instant now);

    const Outcomes& outcomes() const { return outcomes_; }

  private:
    enum class Phase {
        greeting, capabilities, capability_lines, stls, login, uidl, uidl_lines, list, list_lines,
        collecting, quitting, ending,
    };

    // the loop
    bool proceed(ClientAction& action);
    bool hear();
    void hear_line(std::string_view line);
    ClientAction flush();
    ClientAction ask(ClientQuestion question);
    void send(std::string_view line, Phase phase);

    // failures
    void fail(Failure failure);
    void broken(std::string cause) { fail({std::move(cause), true, false}); }
    void refused(std::string_view doing, const Response& response, bool temporary);
    std::string where_it_ended() const;

    // one step each
    void greeted(const Response& response);
    void ask_capabilities();
    void capability_status(const Response& response);
    void capability_line(std::string_view line);
    void decide_tls();
    void stls_answered(const Response& response);
    void log_in();
    void login_step(ClientLogin::Step step);
    void begin_listing();
    void uidl_status(const Response& response);
    void list_status(const Response& response);
    void listing_line(std::string_view line);
    bool collect(ClientAction& action);
    void goodbye(const Response& response);
    bool end(ClientAction& action);

    void take(Plan plan);
    void take(Progress progress);
    void take(Done) {}
    void take(wire::Rest) {}

    ClientSettings settings_;
    wire::Peer peer_;
    wire::LineBuffer lines_;
    Phase phase_ = Phase::greeting;
    bool eof_ = false, draining_ = false, stopped_ = false;
    bool secure_ = false, logged_in_ = false, failed_ = false;

    std::string out_;
    bool start_tls_ = false;
    bool listed_owed_ = false;    // Listed is to be asked
    bool settle_owed_ = false;    // something was handed on since the last Settle, or is to go
    bool finished_owed_ = true;
    std::optional<std::size_t> awaited_;  // the index of the question that is being answered

    Capabilities capabilities_;
    std::size_t capability_count_ = 0;
    std::optional<ClientLogin> login_;
    std::shared_ptr<Listing> listing_;
    std::optional<Collection> collection_;
    Outcomes outcomes_;

    std::size_t unbroken_ = 0;  // octets since the last whole line
    bool progress_ = true;
    Instant deadline_{};
};

}  // namespace mailhandler::pop3
