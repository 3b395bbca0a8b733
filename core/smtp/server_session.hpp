// The receiving end of SMTP (RFC 5321) and, as a dialect, LMTP (RFC 2033), without I/O.
//
// It knows the grammar, the order of commands, the limits and the replies; it does not know which
// addresses exist, where mail lies, or what time it is. Those it asks its owner, one question at a
// time (wire/action.hpp). run/serve joins it to agent/delivery.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mail/envelope.hpp"
#include "smtp/command.hpp"
#include "smtp/reply.hpp"
#include "wire/action.hpp"
#include "wire/dot_stream.hpp"
#include "wire/line_buffer.hpp"

namespace mailhandler::smtp {

enum class Service {
    mx,          // port 25
    submission,  // 587 and 465: a login comes first (RFC 6409)
    lmtp,        // RFC 2033: LHLO, one reply a recipient after DATA
};

struct Settings {
    std::string hostname;  // in the greeting and in replies
    Service service = Service::mx;
    bool tls_offered = false;   // STARTTLS can be done
    bool auth_offered = false;  // AUTH PLAIN and LOGIN may be offered, once secure or on loopback
    std::uint64_t message_size = 50ull << 20;  // octets, RFC 1870
    std::size_t recipients = 100;    // in one transaction; RFC 5321 4.5.3.1.8 asks for 100
    std::size_t spill = 128 * 1024;  // octets of content gathered before they are handed on
    // RFC 5321 section 4.5.3.2: 5 minutes between commands and between blocks of data. `line`
    // bounds one command line, `content` one DATA or BDAT chunk, however slowly they trickle.
    std::chrono::seconds idle{300};
    std::chrono::seconds line{120};
    std::chrono::seconds content{3600};
    std::size_t command_line = 4096;  // octets; RFC 5321 4.5.3.1.4 asks for 512 and extensions more
    std::size_t errors = 20;          // bad commands before 421; refused recipients are not errors
    std::size_t commands = 1000;      // without a message between them, before 421
};

// What is known of the client when a question is asked.
struct Client {
    wire::Peer peer;
    std::string helo;  // as given; octets that no host name or literal has became '?'
    bool esmtp = false;
    std::optional<wire::TlsInfo> tls;
    std::string login;  // after AUTH
};

// --- questions ---------------------------------------------------------------------------

// May this client speak at all? Asked before the greeting; the words of a 220 stand in it behind
// the host's name. Inline.
struct MayConnect {};
// MAIL FROM, everything parsed. Inline.
struct MayFrom {
    mail::Sender sender;
};
// RCPT TO. Inline: answered from memory.
struct MayTo {
    const mail::Sender* sender;
    mail::Recipient recipient;
    std::size_t accepted_before;  // recipients this transaction has already accepted
};
// AUTH: on the password pool.
struct MayLogin {
    std::string login, password;
};
// A block of a large message, dot-unstuffed, to be written aside. On the disk pool. The owner keeps
// it until Commit or Discard.
struct Spill {
    std::string octets;
};
// The message is complete. `rest` is what was not spilled (everything, for a small message); line
// ends are CRLF throughout. On the disk pool; runs to its end even when the peer has left.
// The answer has one Reply per accepted recipient for LMTP, and exactly one for SMTP.
struct Commit {
    mail::Envelope envelope;
    std::string rest;
};
// The transaction ended without a message (RSET, QUIT, EHLO, a lost peer, an over-long message).
// Only asked after a Spill or an accepted recipient. Inline; the answer is empty.
struct Discard {};

using Question = std::variant<MayConnect, MayFrom, MayTo, MayLogin, Spill, Commit, Discard>;

// Where each is to be answered.
wire::Place place(const Question& question);

// The answer: one Reply for MayConnect (220, or 554/421), MayFrom, MayTo, MayLogin (235, 535, 454)
// and Spill (250, or the reply that Commit would have given: the rest is then read and dropped, and
// Discard asked); one or more for Commit; none for Discard. A 421 ends the connection. What is
// missing is taken as 451 4.3.0.
struct Answer {
    std::vector<Reply> replies;
};

using Action = wire::Action<Question>;

class ServerSession {
  public:
    ServerSession(Settings settings, wire::Peer peer);

    void receive(std::string_view octets);
    void eof() { eof_ = true; }
    void answer(Answer answer);
    void secured(wire::TlsInfo info);
    void wake() {}
    // The server is stopping: finish the transaction under way, then 421.
    void drain() { draining_ = true; }
    Action next(Instant now);

    const Client& client() const { return client_; }

  private:
    enum class Stage {
        connect,
        command,
        auth_plain,
        auth_name,
        auth_password,
        data,
        bdat,
        start_tls,
        handshake,
        closing,
        closed
    };
    enum class Asked { nothing, connect, from, to, login, spill, commit, discard };

    // What MAIL began and Commit or Discard ends.
    struct Transaction {
        bool begun = false;
        bool touched = false;      // the owner has something to discard
        bool tried = false;        // a RCPT was given, accepted or not
        bool chunked = false;      // a BDAT was accepted
        std::size_t accepted = 0;  // recipients
        mail::Envelope envelope;
        std::optional<Reply> failure;  // what the message gets for an answer, already decided
        std::string content;
        std::uint64_t size = 0;  // octets so far, with what was spilled
    };

    // server_session.cpp: progress, limits, time
    bool step();
    bool read_line();
    bool take_pending();
    Action ask(Asked asked, Question question);
    void put(Asked asked, Question question);  // to be asked before anything else happens
    Instant deadline(Instant now);
    void time_out();
    void answer_connect(Reply reply);
    void answer_to(const Reply& reply);
    void say(const Reply& reply) { write(out_, reply); }
    void say(int code, const char* enhanced, std::string text);
    void complain(const Reply& reply);  // say, and count an error
    void complain(int code, const char* enhanced, std::string text);
    void hang_up(const char* enhanced, const std::string& text);  // 421 and the end
    void end_transaction();                                       // without a message
    bool in_content() const { return stage_ == Stage::data || stage_ == Stage::bdat; }
    bool secure() const { return client_.peer.secure || client_.tls; }
    bool may_log_in() const;

    // server_commands.cpp: what each verb does
    void obey(const Command& command);
    void help();
    void reset(const Command& command);
    void verify(const Command& command);
    void quit();
    void hello(const Command& command);
    std::string keywords() const;
    void begin_mail(const Command& command);
    void add_recipient(const Command& command);
    std::optional<Reply> nothing_to_send() const;
    void begin_data(const Command& command);
    void begin_bdat(const Command& command);
    void begin_tls(const Command& command);

    // server_login.cpp: AUTH
    void begin_login(const Command& command);
    void continue_login(Stage dialogue, std::string_view line);
    void take_plain(std::string_view base64);
    void take_name(std::string_view base64);
    void take_password(std::string_view base64);
    void try_login(std::string login, std::string password);

    // server_content.cpp: DATA, BDAT and the end of a message
    void begin_content(bool dots);
    std::size_t take_content(std::string_view octets);
    std::size_t take_chunk(std::string_view octets);
    void keep_content(std::size_t before, bool complete);
    void fail_content(Reply reply);
    void finish_chunk();
    void finish_content();
    void say_outcome(const Reply& reply);
    void committed(const Answer& answer);
    Reply too_large() const;

    Settings settings_;
    Client client_;
    Transaction transaction_;
    wire::LineBuffer inbox_;
    wire::DotDecoder decoder_;
    std::string out_;
    std::string login_;                 // AUTH LOGIN: the name, while the password is awaited
    std::optional<Question> question_;  // to be asked next
    Chunk chunk_;
    std::uint64_t chunk_left_ = 0;        // octets
    std::optional<Reply> chunk_refused_;  // the answer to a chunk that is only read away
    Stage stage_ = Stage::connect;
    Asked asked_ = Asked::nothing;
    Asked to_ask_ = Asked::nothing;
    bool discard_due_ = false;
    bool eof_ = false;
    bool draining_ = false;
    bool tainted_ = false;  // a bare LF broke the line that is being read
    bool heard_ = true;     // since the last next()
    std::size_t errors_ = 0;
    std::size_t commands_ = 0;
    Instant last_heard_{};
    std::optional<Instant> began_;  // the line or content under way
};

}  // namespace mailhandler::smtp
