// What a protocol session may ask of the world, as data.
//
// A session is a plain object without socket, file, clock or thread. Its owner calls
//
//     receive(octets)   what the peer sent            eof()        the peer has finished sending
//     answer(A)         the reply to its question     wake()       something happened (IDLE)
//     secured(info)     TLS is up, see StartTls
//     next(now)         what is to be done now → one Action
//
// and does what next() says until that is Read (then it waits) or Close (then it ends). One
// question is outstanding at a time: after Ask, next() is not called before answer(). Replies are
// batched: everything sent since the last Read may leave in one segment.
//
// A session must always make progress: next() never returns Read while received octets could
// still produce an action, and a deadline that has passed (now >= deadline of the last Read, with
// nothing received since) makes next() produce the time-out reply and Close.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace mailhandler::wire {

// Octets for the peer. The driver gathers consecutive Sends into one write.
struct Send {
    std::string octets;
};

// Content that is read while it is sent: a message file. Reads may block (the driver gives them
// to a pool unless `size()` is small).
class Body {
  public:
    virtual ~Body() = default;
    virtual std::uint64_t size() const = 0;
    // Up to `size` octets at `offset`; 0 only at the end.
    virtual Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) = 0;
};

// A range of a Body for the peer. `dot_stuffed`: leading dots are doubled and CRLF.CRLF ends it
// (RFC 5321 section 4.5.2, RFC 1939 section 3). A Body that fails half-way aborts the connection:
// the peer must never take a part for the whole.
struct SendBody {
    std::shared_ptr<Body> body;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool dot_stuffed = false;
};

// Nothing to do before the peer speaks or `deadline` passes. `wakeable`: wake() may end it too.
struct Read {
    Instant deadline;
    bool wakeable = false;
};

// Send what is pending, then the TLS handshake. The driver calls secured() afterwards; octets
// that arrived in clear before the handshake never reach receive() (RFC 3207 section 4.2: the
// session discards its own buffer, the driver reads none of its).
struct StartTls {};

// Send what is pending, then compress both ways (RFC 4978).
struct StartDeflate {};

// Send what is pending, then end the connection. `abort`: without waiting for the peer.
struct Close {
    bool abort = false;
};

// Where a question is answered: inline on the network thread (never blocks), or on a pool.
enum class Place { network, disk, password };

template <class Question>
struct Ask {
    Question question;
};

template <class Question>
using Action = std::variant<Send, SendBody, Read, StartTls, StartDeflate, Close, Ask<Question>>;

// What the TLS handshake agreed on, for Received (RFC 8314 section 4.3) and for policy.
struct TlsInfo {
    std::string protocol;  // "TLSv1.3"
    std::string cipher;    // "TLS_AES_256_GCM_SHA384"
};

// Who is at the other end, as told by the driver when the session is made.
struct Peer {
    std::string address;  // "192.0.2.1", "2001:db8::1"
    std::uint16_t port = 0;
    bool loopback = false;
    bool secure = false;  // TLS from the first octet
};

}  // namespace mailhandler::wire
