// The sending end of SMTP and LMTP, without I/O: one connection, any number of messages.
//
// The session greets, secures and logs in as far as its settings ask and the server offers; then it
// asks its owner for messages until there is none, sends each with what the server knows
// (PIPELINING, CHUNKING, SIZE, 8BITMIME, SMTPUTF8, DSN), tells the outcome of every recipient, and
// says QUIT. Which host, which message and what an outcome means is the owner's business.
//
// Nothing is taken for delivered but by a 2xx reply to the message's end. What stays unanswered
// (a lost line, a time-out) is 451 4.4.2: temporary.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mail/envelope.hpp"
#include "smtp/reply.hpp"
#include "wire/action.hpp"
#include "wire/line_buffer.hpp"
#include "wire/scram.hpp"

namespace mailhandler::smtp {

struct ClientSettings {
    enum class Tls { none, opportunistic, required };

    std::string helo;   // our host name
    bool lmtp = false;  // RFC 2033
    Tls tls = Tls::opportunistic;
    bool secure = false;          // TLS from the first octet, or a line that needs none (loopback)
    std::string login, password;  // no login: none
    // Of ScramClient: AUTH SCRAM-SHA-256 is then preferred where it is offered. A server that offers
    // and refuses it is asked with PLAIN: many offer what they have no passwords for. One that
    // cannot prove that it knows the password is not.
    std::string nonce;
    // RFC 5321 section 4.5.3.2.
    std::chrono::seconds reply{300};   // to the greeting, MAIL, RCPT
    std::chrono::seconds data{120};    // to DATA
    std::chrono::seconds end{600};     // to the end of the message
    std::chrono::seconds goodbye{10};  // to QUIT: nobody needs that answer
};

// A message for the server. `body` is in wire form, CRLF throughout.
struct Outgoing {
    mail::Sender sender;
    std::vector<mail::Recipient> recipients;
    std::shared_ptr<wire::Body> body;
    bool utf8_headers = false;  // only a server with SMTPUTF8 may have it
};

// --- questions, all on the disk pool ----------------------------------------------------

// Ready for a message. Answered with one, or with nothing: QUIT.
struct WantMessage {};
// What became of the message: one reply for each recipient, in their order.
struct Outcome {
    std::vector<Reply> recipients;
    bool dsn = false;  // the server was told who wants reports, and sends them (RFC 3461)
    // The line is good for another message: who has one at hand may answer with it, and is not asked
    // again. An answer without one says nothing.
    bool more = false;
};
// No message can be sent over this connection: the greeting, EHLO, STARTTLS or AUTH failed. `doing`
// is the command. `handshake`: TLS was begun and failed, a new connection may go without.
struct NoService {
    std::string doing;
    Reply reply;
    bool handshake = false;
};

using ClientQuestion = std::variant<WantMessage, Outcome, NoService>;
wire::Place place(const ClientQuestion& question);

struct ClientAnswer {
    std::optional<Outgoing> message;  // to WantMessage, or to an Outcome with `more`
};

using ClientAction = wire::Action<ClientQuestion>;

class ClientSession {
  public:
    explicit ClientSession(ClientSettings settings);

    void receive(std::string_view octets);
    void eof() { eof_ = true; }
    void answer(ClientAnswer answer);
    void secured(wire::TlsInfo info);
    void wake() {}
    ClientAction next(Instant now);

  private:
    enum class Expect {
        greeting, hello, starttls, scram_challenge, scram_proof, auth,
        mail, rcpt, data, message, rset, quit
    };
    enum class Stage { working, start_tls, handshake, closing, aborting };
    struct Expected {
        Expect what;
        std::size_t recipient = 0;  // for rcpt
    };
    struct Command {
        std::string line;  // with CRLF
        Expected expected;
    };
    // What the server said it can do.
    struct Offers {
        bool pipelining = false, chunking = false, eight_bit = false, utf8 = false, dsn = false;
        bool starttls = false, plain = false, scram = false, size = false;
        std::uint64_t largest = 0;  // octets; 0: no limit known
    };

    // client_session.cpp: the line, commands and their replies
    bool step();
    bool read_reply();
    bool take_line(std::string_view line);
    static Reply sensible(Expect what, Reply reply);
    void want_message();
    void heard(const Expected& expected, const Reply& reply);
    void command(std::string line, Expect what, std::size_t recipient = 0);
    void fail(std::string doing, Reply reply, bool handshake = false);
    void lose(const std::string& why);
    std::chrono::seconds patience() const;
    bool may_send() const;

    // client_opening.cpp: from the greeting to the first message
    void greet();
    void say_hello(const char* verb);
    void heard_hello(const Reply& reply);
    void learn(std::string_view keyword);
    void proceed();  // behind EHLO: TLS, login, or the first message
    void heard_starttls(const Reply& reply);
    void log_in();
    void heard_challenge(const Reply& reply);
    void heard_proof(const Reply& reply);
    void give_up_login(std::string why);

    // client_transaction.cpp: one message
    void begin(Outgoing message);
    std::optional<Reply> impossible() const;
    std::string mail_line() const;
    std::string recipient_line(const mail::Recipient& recipient) const;
    std::string path(const mail::Address& address) const;
    void heard_mail(const Reply& reply);
    void heard_rcpt(std::size_t recipient, const Reply& reply);
    void recipients_known();
    void heard_data(const Reply& reply);
    void heard_message(const Reply& reply);
    void send_body(bool dot_stuffed);
    void refuse_rest(const Reply& reply);
    void finish_message();
    std::size_t accepted() const;

    ClientSettings settings_;
    Offers offers_;
    wire::LineBuffer inbox_{4096};
    Reply reply_;  // the lines of an unfinished one
    std::size_t lines_ = 0;
    bool said_helo_ = false;
    bool secure_ = false;
    std::deque<Command> todo_;         // not yet sent
    std::deque<Expected> expected_;    // sent, not yet answered
    std::deque<ClientAction> output_;  // next() hands these out first
    std::optional<ClientQuestion> question_;
    std::optional<wire::ScramClient> scram_;
    std::optional<Outgoing> message_;
    std::vector<std::optional<Reply>> outcomes_;
    std::size_t rcpts_due_ = 0;     // RCPT replies still to come
    std::size_t messages_due_ = 0;  // replies to the end of the message still to come
    bool data_pipelined_ = false;
    bool reset_due_ = false;  // the server may still have a transaction open
    bool ready_ = false;      // a message was asked for: the server serves us
    Stage stage_ = Stage::working;
    bool asked_ = false;
    bool eof_ = false;
    bool touched_ = true;  // something went either way since the last next()
    Instant last_{};
};

}  // namespace mailhandler::smtp
