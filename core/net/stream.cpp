#include "net/stream.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include "net/tls.hpp"

namespace mailhandler::net {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::ip::tcp::socket;

namespace detail {

struct Line : std::enable_shared_from_this<Line> {
    explicit Line(Socket s) : socket(std::move(s)), timer(socket.get_executor()) {}

    // --- the deadline: one timer, set anew only when it rings too early ---
    void arm(Instant until) {
        deadline = until;
        if (armed <= until) return;
        armed = until;
        timer.expires_at(until);
        timer.async_wait([weak = weak_from_this()](const error_code& stopped) {
            if (stopped) return;
            if (const auto line = weak.lock()) line->ring();
        });
    }

    void ring() {
        armed = Instant::max();
        if (!waiting) return;
        if (std::chrono::steady_clock::now() >= deadline)
            interrupt();
        else
            arm(deadline);
    }

    void interrupt() {
        error_code ignored;
        if (waiting) socket.cancel(ignored);
    }

    // What has happened that may end this kind of wait; ok: nothing.
    Io interruption() {
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

    Transfer blocked(Socket::wait_type on) {
        wanted = on;
        return {Io::blocked, 0};
    }

    Transfer fail(int number) {
        char text[128];
        error = strerror_r(number, text, sizeof text);
        return {Io::failed, 0};
    }

    // What a failed SSL call means.
    Transfer ssl_outcome(int result) {
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

    void shut() {
        timer.cancel();
        ssl.reset();
        error_code ignored;
        socket.close(ignored);
    }

    Socket socket;
    asio::steady_timer timer;
    Instant armed = Instant::max();
    Instant deadline{};
    Socket::wait_type wanted = Socket::wait_read;
    Interruptible interruptible = Interruptible::no;
    bool waiting = false;
    bool woken = false;
    bool drained = false;
    bool aborted = false;
    Ssl ssl;
    wire::Peer peer;
    std::string error;
};

namespace {

wire::Peer peer_of(const Socket& socket) {
    wire::Peer peer;
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return peer;  // gone already
    asio::ip::address address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    peer.address = address.to_string();
    peer.port = endpoint.port();
    peer.loopback = address.is_loopback();
    return peer;
}

}  // namespace
}  // namespace detail

using detail::Line;

// --- Handle ------------------------------------------------------------------------------

Handle::Handle(const std::shared_ptr<Line>& line)
    : line_(line), executor_(line->socket.get_executor()) {}

void Handle::wake() const {
    if (!executor_) return;
    asio::post(executor_, [weak = line_] {
        const auto line = weak.lock();
        if (!line) return;
        line->woken = true;
        if (line->interruptible == Interruptible::by_drain_or_wake) line->interrupt();
    });
}

void Handle::drain() const {
    if (!executor_) return;
    asio::post(executor_, [weak = line_] {
        const auto line = weak.lock();
        if (!line) return;
        line->drained = true;
        if (line->interruptible != Interruptible::no) line->interrupt();
    });
}

void Handle::abort() const {
    if (!executor_) return;
    asio::post(executor_, [weak = line_] {
        const auto line = weak.lock();
        if (!line) return;
        line->aborted = true;
        line->error = "ended by us";
        line->interrupt();
    });
}

// --- Stream ------------------------------------------------------------------------------

Stream::Stream(Socket socket) : line_(std::make_shared<Line>(std::move(socket))) {
    error_code ignored;
    line_->socket.native_non_blocking(true, ignored);
    line_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    line_->peer = detail::peer_of(line_->socket);
}

Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
    if (this == &other) return *this;
    if (line_) line_->shut();
    line_ = std::move(other.line_);
    return *this;
}

Stream::~Stream() {
    if (line_) line_->shut();
}

const wire::Peer& Stream::peer() const { return line_->peer; }
Handle Stream::handle() const { return Handle(line_); }
std::string Stream::error() const { return line_->error; }

Transfer Stream::try_read(std::span<char> into) {
    Line& line = *line_;
    if (line.aborted) return {Io::failed, 0};
    if (line.ssl) {
        ERR_clear_error();
        errno = 0;
        std::size_t size = 0;
        const int result = SSL_read_ex(line.ssl.get(), into.data(), into.size(), &size);
        return result == 1 ? Transfer{Io::ok, size} : line.ssl_outcome(result);
    }
    for (;;) {
        const ssize_t size = ::recv(line.socket.native_handle(), into.data(), into.size(), 0);
        if (size > 0) return {Io::ok, static_cast<std::size_t>(size)};
        if (size == 0) return {Io::eof, 0};
        if (errno == EAGAIN || errno == EWOULDBLOCK) return line.blocked(Socket::wait_read);
        if (errno != EINTR) return line.fail(errno);
    }
}

Transfer Stream::try_write(std::string_view octets) {
    Line& line = *line_;
    if (line.aborted) return {Io::failed, 0};
    if (line.ssl) {
        ERR_clear_error();
        errno = 0;
        std::size_t size = 0;
        const int result = SSL_write_ex(line.ssl.get(), octets.data(), octets.size(), &size);
        if (result == 1) return {Io::ok, size};
        const Transfer outcome = line.ssl_outcome(result);
        if (outcome.status != Io::eof) return outcome;
        line.error = "the peer has ended TLS";
        return {Io::failed, 0};
    }
    for (;;) {
        const ssize_t size =
            ::send(line.socket.native_handle(), octets.data(), octets.size(), MSG_NOSIGNAL);
        if (size >= 0) return {Io::ok, static_cast<std::size_t>(size)};
        if (errno == EAGAIN || errno == EWOULDBLOCK) return line.blocked(Socket::wait_write);
        if (errno != EINTR) return line.fail(errno);
    }
}

Task<Io> Stream::wait(Instant deadline, Interruptible interruptible) {
    const std::shared_ptr<Line> line = line_;
    line->interruptible = interruptible;
    for (;;) {
        const Io why = line->interruption();
        if (why != Io::ok) co_return why;
        if (std::chrono::steady_clock::now() >= deadline) co_return Io::timeout;
        line->arm(deadline);
        line->waiting = true;
        error_code error;
        co_await line->socket.async_wait(line->wanted,
                                         asio::redirect_error(asio::use_awaitable, error));
        line->waiting = false;
        if (!error) co_return Io::ok;
        if (error == asio::error::operation_aborted && line->socket.is_open()) continue;
        line->error = error.message();
        co_return Io::failed;
    }
}

Task<Transfer> Stream::read_some(std::span<char> into, Instant deadline) {
    for (;;) {
        const Transfer transfer = try_read(into);
        if (transfer.status != Io::blocked) co_return transfer;
        const Io io = co_await wait(deadline);
        if (io != Io::ok) co_return Transfer{io, 0};
    }
}

Task<Io> Stream::write_all(std::string_view octets, std::chrono::milliseconds idle) {
    while (!octets.empty()) {
        const Transfer transfer = try_write(octets);
        octets.remove_prefix(transfer.size);
        if (transfer.status == Io::failed) co_return Io::failed;
        if (transfer.status != Io::blocked) continue;
        const Io io = co_await wait(std::chrono::steady_clock::now() + idle);
        if (io != Io::ok) co_return io;
    }
    co_return Io::ok;
}

Task<Result<wire::TlsInfo>> Stream::handshake(TlsRole& role, Instant deadline) {
    Line& line = *line_;
    Result<Ssl> ssl = role.begin();
    if (!ssl) co_return tl::unexpected<Fault>(ssl.error());
    line.ssl = std::move(*ssl);
    SSL_set_fd(line.ssl.get(), line.socket.native_handle());
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const int result = SSL_do_handshake(line.ssl.get());
        if (result == 1) break;
        const long verdict = SSL_get_verify_result(line.ssl.get());
        const Transfer outcome = line.ssl_outcome(result);
        if (outcome.status == Io::blocked) {
            const Io io = co_await wait(deadline);
            if (io == Io::ok) continue;
            if (io == Io::timeout) line.error = "TLS: the handshake took too long";
        } else if (outcome.status == Io::eof) {
            line.error = "TLS: the peer left during the handshake";
        } else if (verdict != X509_V_OK) {
            line.error = "TLS: the certificate is not trusted: ";
            line.error += X509_verify_cert_error_string(verdict);
        }
        co_return tl::unexpected<Fault>(Fault{line.peer.address, line.error, true,
                                              verdict == X509_V_OK ? 0 : EKEYREJECTED});
    }
    line.peer.secure = true;
    wire::TlsInfo info;
    info.protocol = SSL_get_version(line.ssl.get());
    info.cipher = SSL_get_cipher_name(line.ssl.get());
    co_return info;
}

std::string Stream::peer_certificate() const {
    if (!line_->ssl) return {};
    X509* shown = SSL_get1_peer_certificate(line_->ssl.get());
    if (shown == nullptr) return {};
    BIO* text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(text, shown);
    char* begin = nullptr;
    const long size = BIO_get_mem_data(text, &begin);
    std::string pem(begin, static_cast<std::size_t>(std::max(size, 0L)));
    BIO_free(text);
    X509_free(shown);
    return pem;
}

// Reads and drops what the peer had under way, within reason: `allowance` octets.
Io Stream::drop_input(std::size_t& allowance) {
    char waste[16 * 1024];
    while (allowance > 0) {
        const Transfer transfer = try_read(waste);
        if (transfer.status != Io::ok) return transfer.status;
        allowance -= std::min(allowance, transfer.size);
    }
    return Io::failed;
}

Task<> Stream::close(Instant deadline) {
    Line& line = *line_;
    if (line.ssl) {
        ERR_clear_error();
        SSL_shutdown(line.ssl.get());  // once: we do not wait for the peer's close_notify
        line.ssl.reset();
    }
    error_code error;
    line.socket.shutdown(Socket::shutdown_send, error);
    std::size_t allowance = 4u << 20;
    while (!error && drop_input(allowance) == Io::blocked) {
        const Io io = co_await wait(deadline);
        if (io != Io::ok) break;
    }
    line.shut();
}

void Stream::abort(bool reset) {
    if (reset) {
        error_code ignored;
        line_->socket.set_option(asio::socket_base::linger(true, 0), ignored);
    }
    line_->aborted = true;
    if (line_->error.empty()) line_->error = "ended by us";
    line_->shut();
}

}  // namespace mailhandler::net
