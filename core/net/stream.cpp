#include "net/stream.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include "net/line.hpp"

namespace mailhandler::net {

namespace asio = boost::asio;
using boost::system::error_code;
using detail::Line, detail::Socket;

Stream::Stream(Socket socket) : line_(std::make_shared<Line>(std::move(socket))) {
    error_code ignored;
    line_->socket.native_non_blocking(true, ignored);
    line_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
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
