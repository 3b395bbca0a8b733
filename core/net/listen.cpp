#include "net/listen.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mailhandler::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds rest_time{50};
constexpr std::chrono::seconds complain_every{10};
constexpr int batch = 64;  // accepted before the connections have their turn

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

// The coroutine of one connection; the seat is free when the stream is closed.
Task<> attend(Service& service, Stream stream, Connections::Seat seat) {
    const Connections::Seat taken = std::move(seat);
    Task<> serving = service.serve(std::move(stream));
    co_await std::move(serving);
}

}  // namespace

Result<tcp::endpoint> parse_endpoint(std::string_view text) {
    const std::string whole(text);
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return fail(whole, "has no port", false);
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    std::uint16_t port = 0;
    const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (bad != std::errc() || end != digits.data() + digits.size())
        return fail(whole, "is no \"address:port\"", false);
    error_code error;
    const asio::ip::address address = asio::ip::make_address(std::string(host), error);
    if (error || address.is_v6() != bracketed)
        return fail(whole, "is no \"address:port\" (IPv6: \"[address]:port\")", false);
    return tcp::endpoint(address, port);
}

Listener::Listener(Loop& loop, Service& service, Connections& connections, Log log)
    : loop_(loop),
      service_(service),
      connections_(connections),
      log_(std::move(log)),
      acceptor_(loop.context()),
      rest_(loop.context()),
      spare_(open_spare()) {}

Listener::~Listener() {
    if (spare_ >= 0) ::close(spare_);
}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, std::string_view address,
                                                 Service& service, Connections& connections,
                                                 Log log) {
    const Result<tcp::endpoint> endpoint = parse_endpoint(address);
    if (!endpoint) return tl::unexpected<Fault>(endpoint.error());
    std::unique_ptr<Listener> listener(
        new Listener(loop, service, connections, std::move(log)));
    tcp::acceptor& acceptor = listener->acceptor_;
    const std::string where(address);
    error_code error;
    acceptor.open(endpoint->protocol(), error);
    if (error) return fail_errno(where, "cannot open a socket", error.value());
    ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error && endpoint->address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor.bind(*endpoint, error);
    if (!error) acceptor.listen(backlog, error);
    if (!error) acceptor.native_non_blocking(true, error);
    if (error) return fail_errno(where, "cannot listen", error.value());
    listener->protocol_ = endpoint->protocol();
    listener->await_connection();
    return listener;
}

tcp::endpoint Listener::endpoint() const {
    error_code error;
    return acceptor_.local_endpoint(error);
}

void Listener::await_connection() {
    acceptor_.async_wait(tcp::acceptor::wait_read,
                         [this, alive = std::weak_ptr(alive_)](const error_code& error) {
                             if (!error && !alive.expired()) accept_waiting();
                         });
}

void Listener::accept_waiting() {
    for (int i = 0; i < batch; ++i) {
        const int descriptor = accept_one();
        if (descriptor >= 0) {
            welcome(descriptor);
            continue;
        }
        const int error = errno;
        if (error == EAGAIN || error == EWOULDBLOCK) break;
        if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
            return out_of_descriptors(error);
        // A connection that ended before it was accepted (ECONNABORTED and accept(2)'s network
        // errors) says nothing about the next one.
    }
    await_connection();
}

int Listener::accept_one() {
    return ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

Stream Listener::stream_of(int descriptor) {
    return Stream(tcp::socket(loop_.context(), protocol_, descriptor));
}

void Listener::welcome(int descriptor) {
    Stream stream = stream_of(descriptor);
    if (stream.peer().address.empty()) return;  // gone again
    std::optional<Connections::Seat> seat = connections_.admit(stream);
    if (!seat) return turn_away(std::move(stream));
    std::string what = service_.name() + " " + stream.peer().address;
    loop_.spawn(attend(service_, std::move(stream), std::move(*seat)), log_, std::move(what));
}

void Listener::turn_away(Stream stream) {
    // The socket's buffer is empty: a short line goes at once or never.
    const std::string line = service_.refusal();
    if (!line.empty()) stream.try_write(line);
}

void Listener::out_of_descriptors(int error) {
    const Instant now = std::chrono::steady_clock::now();
    if (now - complained_ >= complain_every) {
        log_.error(fail_errno(service_.name(), "cannot accept", error).value().text() +
                   fmt::format("; {} connections are open", connections_.size()));
        complained_ = now;
    }
    if (spare_ >= 0) {
        ::close(spare_);
        for (int i = 0; i < batch; ++i) {
            const int descriptor = accept_one();
            if (descriptor < 0) break;
            turn_away(stream_of(descriptor));
        }
    }
    spare_ = open_spare();
    rest_.expires_after(rest_time);
    rest_.async_wait([this, alive = std::weak_ptr(alive_)](const error_code& stopped) {
        if (!stopped && !alive.expired()) accept_waiting();
    });
}

}  // namespace mailhandler::net
