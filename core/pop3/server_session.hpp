// The serving end of POP3 (RFC 1939), without I/O: CAPA (RFC 2449), STLS (RFC 2595), AUTH PLAIN
// (RFC 5034), UTF8 (RFC 6856), response codes (RFC 2449 section 8, RFC 3206).
//
// It knows the grammar, the three states, the limits and the replies; it does not know who may log
// in, where the messages lie, or what time it is. Those it asks its owner, one question at a time
// (wire/action.hpp). run/serve joins it to agent/access.
//
// What it guarantees:
// - A password is never taken in clear but on loopback; what came in clear behind STLS is dropped.
// - Only QUIT in the transaction state removes anything (RFC 1939 section 6): a lost connection, a
//   time-out or too many errors remove nothing.
// - A message that vanished or cannot be read is -ERR for that message; the session goes on.
// - Long lists leave in chunks of about 16 KiB, each its own Send: a driver that writes whenever it
//   has gathered enough needs no more memory for 100,000 messages than for one.
// - RETRs that were pipelined are asked for together, up to Settings::batch: one question, not 64.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pop3/authorization.hpp"
#include "pop3/maildrop.hpp"
#include "pop3/transaction.hpp"
#include "wire/action.hpp"
#include "wire/line_buffer.hpp"

namespace mailhandler::pop3 {

struct Settings {
    std::string hostname;      // in the greeting
    bool tls_offered = false;  // STLS can be done
    // RFC 1939 section 3: a logged-in client may be silent for ten minutes at least.
    std::chrono::seconds idle{600};
    std::chrono::seconds login_idle{60};  // the same before the login
    std::chrono::seconds login{300};      // from the greeting to a login, whatever is said
    std::size_t errors = 20;              // commands not understood before the connection ends
    std::size_t refused_logins = 5;       // refused logins before the connection ends
    std::size_t batch = 16;               // messages asked for in one question, and …
    std::uint64_t batch_octets = 256 * 1024;  // … their octets, where it is more than one
};

// What is known of the client when a question is asked.
struct Client {
    wire::Peer peer;
    std::optional<wire::TlsInfo> tls;
    std::string login;  // after a login
    bool utf8 = false;  // it said UTF8 (RFC 6856): its owner may leave messages as they are
};

// --- questions ---------------------------------------------------------------------------

// May this client speak at all? Asked before the greeting. Inline. → Verdict
struct MayConnect {};
// USER and PASS, or AUTH PLAIN. On the password pool. → Verdict
struct MayLogin {
    std::string login, password;
};
// The login was right: lock the maildrop and freeze its list. On the disk pool. → Opened
struct Open {
    std::string login;
};
// Contents for RETR (`lines` absent) and TOP. On the disk pool. → Contents
struct Wanted {
    std::uint32_t index = 0;              // message number - 1
    std::optional<std::uint32_t> lines;   // TOP: header, empty line, and so many lines of the body
};
struct Load {
    std::vector<Wanted> wanted;
};
// QUIT: remove these messages (indexes, ascending) durably. On the disk pool. → Removed
struct Remove {
    std::vector<std::uint32_t> indexes;
};
// The maildrop is no longer used: let go of its lock. Asked once after each Open that was ok, and
// before the client is told goodbye. On the disk pool. An owner destroyed without it (the driver gave up)
// lets go as well. → Verdict, which is not looked at
struct Closed {};

using Question = std::variant<MayConnect, MayLogin, Open, Load, Remove, Closed>;

wire::Place place(const Question& question);

// --- answers -----------------------------------------------------------------------------

enum class Outcome {
    ok,
    refused,    // [AUTH]: the name or password is wrong (MayLogin), or this client is not served
    in_use,     // [IN-USE]: another session has the maildrop
    temporary,  // [SYS/TEMP]: passes by itself
    permanent,  // [SYS/PERM]: somebody has to repair it
};

struct Verdict {
    Outcome outcome = Outcome::ok;
    std::string text;  // replaces the usual words of the reply, without a response code
};

struct Opened {
    Outcome outcome = Outcome::ok;
    std::string text;
    std::shared_ptr<const Maildrop> maildrop;  // set when ok
};

// One message, or its top. `body` null: it cannot be had, for `outcome` and `text` (ok means that
// it has vanished). A small message is best read whole by the owner at once, into a Body in memory.
struct Content {
    std::shared_ptr<wire::Body> body;
    std::uint64_t length = 0;  // octets of the body to send, from its start
    Outcome outcome = Outcome::ok;
    std::string text;
};
struct Contents {
    std::vector<Content> contents;  // one for each Wanted, in order
};

struct Removed {
    std::size_t failed = 0;  // that are still there
    std::string text;
};

using Answer = std::variant<Verdict, Opened, Contents, Removed>;

using Action = wire::Action<Question>;

class ServerSession {
  public:
    using Question = pop3::Question;
    using Answer = pop3::Answer;

    ServerSession(Settings settings, wire::Peer peer);

    void receive(std::string_view octets) { lines_.append(octets); }
    void eof() { eof_ = true; }
    // Throws std::logic_error for an answer that does not fit the question.
    void answer(Answer answer);
    void secured(wire::TlsInfo info);
    void wake() {}
    // The server is stopping: commands already here are answered, then -ERR [SYS/TEMP] and Close.
    // Nothing is removed but by a QUIT among them.
    void drain() { draining_ = true; }
    Action next(Instant now);

    const Client& client() const { return client_; }

  private:
    enum class Phase {
        connecting,  // before the greeting
        authorization,
        transaction,
        leaving,  // nothing more is read
    };
    enum class Awaited { nothing, connect, login, open, contents, removed, closed };

    // the loop
    bool proceed(Action& action);
    Action say_goodbye();
    Action flush();
    void ask(Question question, Awaited awaited);
    Action ask_now();
    bool handle_line();
    void handle(std::string_view line);
    bool timed_out(Instant now) const;
    Action wait(Instant now);
    void leave(std::string farewell);
    void misunderstood(std::string reply);
    void quit();

    // authorization
    Privacy privacy() const;
    void authorize(Authorization::Step step);

    // transaction
    void transact(const Command& command);
    void list(Transaction::List what, std::string_view argument);
    std::optional<Wanted> wanted(const Command& command) const;
    void load(Wanted first);
    void send_content();

    // answers
    void take(Verdict verdict);
    void take(Opened opened);
    void take(Contents contents);
    void take(Removed removed);
    void expect(Awaited awaited);
    void greet(const Verdict& verdict);
    void judge(const Verdict& verdict);

    Settings settings_;
    Client client_;
    wire::LineBuffer lines_{auth_line_limit - 2};
    bool eof_ = false;
    bool draining_ = false;

    Phase phase_ = Phase::connecting;
    Question question_;  // to be asked next, when `asking_`
    bool asking_ = false;
    Awaited awaited_ = Awaited::nothing;
    std::string out_;                       // replies not yet sent
    std::optional<wire::SendBody> body_;    // stands behind out_
    bool start_tls_ = false;                // … or this
    std::optional<std::string> held_over_;  // a line read ahead of its time
    std::string farewell_;

    Authorization authorization_;
    std::string attempt_;  // the login being judged
    std::optional<Transaction> transaction_;
    bool opened_ = false;          // Closed is owed
    std::vector<Wanted> wanted_;   // the batch under way
    std::vector<Content> contents_;
    std::size_t content_ = 0;  // the next of contents_ to be sent

    std::size_t errors_ = 0;
    std::size_t refused_logins_ = 0;
    bool begun_ = false;
    bool progress_ = true;  // something was done since the last Read
    Instant deadline_{};
    Instant login_by_{};
};

}  // namespace mailhandler::pop3
