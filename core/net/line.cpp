#include "net/line.hpp"

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <utility>

namespace mailhandler::net {

using boost::system::error_code;
using detail::Line;

namespace detail {

namespace {

wire::Peer peer_of(const Socket& socket) {
    wire::Peer peer;
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return peer;  // gone already
    boost::asio::ip::address address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
    peer.address = address.to_string();
    peer.port = endpoint.port();
    peer.loopback = address.is_loopback();
    return peer;
}

}  // namespace

Line::Line(Socket s) : socket(std::move(s)), timer(socket.get_executor()), peer(peer_of(socket)) {}

void Line::arm(Instant until) {
    deadline = until;
    if (armed <= until) return;
    armed = until;
    timer.expires_at(until);
    timer.async_wait([weak = weak_from_this()](const error_code& stopped) {
        if (stopped) return;
        if (const auto line = weak.lock()) line->ring();
    });
}

void Line::ring() {
    armed = Instant::max();
    if (!waiting) return;
    if (std::chrono::steady_clock::now() >= deadline)
        interrupt();
    else
        arm(deadline);
}

void Line::interrupt() {
    error_code ignored;
    if (waiting) socket.cancel(ignored);
}

Io Line::interruption() {
    if (aborted) return Io::aborted;
    if (drained && interruptible != Interruptible::no) {
        drained = false;
        return Io::draining;
    }
    if (woken && interruptible == Interruptible::by_drain_or_wake) {
        woken = false;
        return Io::woken;
    }
    return Io::ok;
}

Transfer Line::blocked(Socket::wait_type on) {
    wanted = on;
    return {Io::blocked, 0};
}

Transfer Line::fail(int number) {
    char text[128];
    error = strerror_r(number, text, sizeof text);
    return {Io::failed, 0};
}

Transfer Line::ssl_outcome(int result) {
    const int number = errno;
    switch (SSL_get_error(ssl.get(), result)) {
        case SSL_ERROR_WANT_READ: return blocked(Socket::wait_read);
        case SSL_ERROR_WANT_WRITE: return blocked(Socket::wait_write);
        case SSL_ERROR_ZERO_RETURN: return {Io::eof, 0};
        case SSL_ERROR_SYSCALL:
            if (ERR_peek_error() != 0) break;
            if (number == 0) return {Io::eof, 0};
            return fail(number);
        default: break;
    }
    error = "TLS: " + openssl_error();
    return {Io::failed, 0};
}

void Line::shut() {
    timer.cancel();
    ssl.reset();
    error_code ignored;
    socket.close(ignored);
}

}  // namespace detail

// --- Handle ------------------------------------------------------------------------------

Handle::Handle(const std::shared_ptr<Line>& line)
    : line_(line), executor_(line->socket.get_executor()) {}

// On the network thread, where the connection has not ended.
template <class Act>
void Handle::reach(Act act) const {
    if (!executor_) return;
    boost::asio::post(executor_, [weak = line_, act] {
        if (const auto line = weak.lock()) act(*line);
    });
}

void Handle::wake() const {
    reach([](Line& line) {
        line.woken = true;
        if (line.interruptible == Interruptible::by_drain_or_wake) line.interrupt();
    });
}

void Handle::drain() const {
    reach([](Line& line) {
        line.drained = true;
        if (line.interruptible != Interruptible::no) line.interrupt();
    });
}

void Handle::abort() const {
    reach([](Line& line) {
        line.aborted = true;
        line.error = "ended by us";
        line.interrupt();
    });
}

}  // namespace mailhandler::net
