// The receiving end of SMTP (RFC 5321) and, as a dialect, LMTP (RFC 2033), without I/O.
//
// It knows the grammar, the order of commands, the limits and the replies; it does not know which
// addresses exist, where mail lies, or what time it is. Those it asks its owner, one question at a
// time (wire/action.hpp). run/serve joins it to agent/delivery.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mail/envelope.hpp"
#include "wire/action.hpp"

namespace mailhandler::smtp {

enum class Service {
    mx,          // port 25
    submission,  // 587 and 465: a login comes first (RFC 6409)
    lmtp,        // RFC 2033: LHLO, one reply a recipient after DATA
};

// A reply: code, enhanced code (RFC 3463) and text. `text` may hold several lines, '\n' between.
struct Reply {
    int code = 250;
    std::string enhanced;  // "5.1.1"; empty where none belongs (greeting, EHLO, 354)
    std::string text;

    bool positive() const { return code < 400; }
};

struct Settings {
    std::string hostname;  // in the greeting and in replies
    Service service = Service::mx;
    bool tls_offered = false;   // STARTTLS can be done
    bool auth_offered = false;  // AUTH PLAIN may be offered, once secure or on loopback
    std::uint64_t message_size = 50ull << 20;  // octets, RFC 1870
    std::size_t recipients = 100;              // in one transaction; RFC 5321 4.5.3.1.8 asks for 100
    std::size_t spill = 128 * 1024;  // octets of content gathered before they are handed on
    // RFC 5321 section 4.5.3.2: 5 minutes between commands and between blocks of data. `whole` bounds
    // one command line or the content however slowly it trickles.
    std::chrono::seconds idle{300};
    std::chrono::seconds line{120};
    std::chrono::seconds content{3600};
    std::size_t errors = 20;     // bad commands before 421
    std::size_t commands = 1000; // without a message between them, before 421
};

// What is known of the client when a question is asked.
struct Client {
    wire::Peer peer;
    std::string helo;  // as given, already checked to hold no control characters
    bool esmtp = false;
    std::optional<wire::TlsInfo> tls;
    std::string login;  // after AUTH
};

// --- questions ---------------------------------------------------------------------------

// May this client speak at all? Asked before the greeting. Inline.
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

// The answer: one Reply for MayConnect (220 or 554/421), MayFrom, MayTo, MayLogin (235, 535, 454)
// and Spill (250, or the reply that Commit would have given: the rest is then read and dropped);
// one or more for Commit; none for Discard.
struct Answer {
    std::vector<Reply> replies;
};

using Action = wire::Action<Question>;

class ServerSession {
  public:
    ServerSession(Settings settings, wire::Peer peer);

    void receive(std::string_view octets);
    void eof();
    void answer(Answer answer);
    void secured(wire::TlsInfo info);
    void wake() {}
    // The server is stopping: finish the transaction under way, then 421.
    void drain();
    Action next(Instant now);

    const Client& client() const;

  private:
    // The author of the room decides.
};

}  // namespace mailhandler::smtp
