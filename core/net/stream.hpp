// One connection: a non-blocking TCP socket, in clear or under TLS, with its deadline and its wake-up
// calls. It buffers nothing of its own. OpenSSL works on the descriptor directly: asio::ssl::stream
// would hold 34 KiB for every connection.
//
// The pattern is try_read/try_write until they say `blocked`, then `co_await wait(…)`, then again.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"
#include "wire/action.hpp"

namespace mailhandler::net {

class TlsRole;  // net/tls.hpp

// How an operation ended.
enum class Io {
    ok,
    blocked,   // not now: wait()
    eof,       // the peer has finished sending
    timeout,   // the deadline passed
    woken,     // Handle::wake()
    draining,  // Handle::drain()
    aborted,   // Handle::abort()
    failed,    // Stream::error() says why
};

struct Transfer {
    Io status = Io::ok;
    std::size_t size = 0;  // octets; 0 unless ok
};

// What may end a wait before its time. An abort always does.
enum class Interruptible { no, by_drain, by_drain_or_wake };

namespace detail {
struct Line;  // net/line.hpp
}

// Reaches a connection from outside: copyable, weak, usable from any thread while the Loop exists.
// Calls on a connection that has ended do nothing. A wake or drain is kept until the connection
// next waits in a way that can be interrupted by it, so none is lost; several become one.
class Handle {
  public:
    Handle() = default;
    void wake() const;   // → session.wake(), from a wakeable Read
    void drain() const;  // → session.drain(), from any Read
    void abort() const;  // as if the line had broken

  private:
    friend class Stream;
    explicit Handle(const std::shared_ptr<detail::Line>& line);
    template <class Act>
    void reach(Act act) const;
    std::weak_ptr<detail::Line> line_;
    boost::asio::any_io_executor executor_;
};

// Move-only; destroyed = closed at once. Every function on the network thread only.
class Stream {
  public:
    // Makes the socket non-blocking and sets TCP_NODELAY.
    explicit Stream(boost::asio::ip::tcp::socket socket);
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;
    ~Stream();

    // `secure` is true once TLS is up.
    const wire::Peer& peer() const;
    Handle handle() const;

    // Never wait. ok, blocked, eof, failed. An end of TLS without close_notify counts as eof: the
    // mail protocols mark the ends of their messages themselves.
    Transfer try_read(std::span<char> into);
    // ok with at least one octet, blocked, failed. After `blocked` the next call must offer the
    // same octets, perhaps with more behind them (OpenSSL's rule).
    Transfer try_write(std::string_view octets);

    // After `blocked`: ok when it is worth trying again, else timeout, woken, draining, aborted or
    // failed. Extending the deadline from wait to wait costs nothing: the timer is set anew only
    // when it fires too early.
    Task<Io> wait(Instant deadline, Interruptible interruptible = Interruptible::no);

    // Convenience for code without a session. `idle` is the time without any progress.
    Task<Transfer> read_some(std::span<char> into, Instant deadline);
    Task<Io> write_all(std::string_view octets, std::chrono::milliseconds idle);

    // The TLS handshake in the role given. Nothing may have been read ahead. On failure the Fault
    // says why in a person's words (EKEYREJECTED: the certificate is not trusted), and the stream is good for nothing but abort().
    Task<Result<wire::TlsInfo>> handshake(TlsRole& role, Instant deadline);

    // The certificate the peer has shown, as PEM; empty where there is none.
    std::string peer_certificate() const;

    // Ends in good order: close_notify, half-close, then waits until the peer has closed too, at
    // most until `deadline`: closing with unread octets would be a reset, which may overtake what
    // was sent last.
    Task<> close(Instant deadline);
    // Ends now. `reset`: the peer sees an error, not an end; it must not take a part for the whole.
    void abort(bool reset = true);

    // Why the last operation failed.
    std::string error() const;

  private:
    Io drop_input(std::size_t& allowance);

    std::shared_ptr<detail::Line> line_;
};

}  // namespace mailhandler::net
