#include "net/dial.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <vector>

#include "net/tls.hpp"

namespace mailhandler::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

struct Lookup final : Work {
    explicit Lookup(const Destination& d) : to(d) {}

    void run() override {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        // Not AI_ADDRCONFIG: it takes 127.0.0.1 away from a machine without another address.
        hints.ai_flags = AI_NUMERICSERV;
        addrinfo* found = nullptr;
        const int error =
            ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
        if (error != 0) {
            fault = Fault{to.host, ::gai_strerror(error), error != EAI_NONAME, 0};
            return;
        }
        for (const addrinfo* at = found; at; at = at->ai_next) {
            if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
            tcp::endpoint endpoint;
            endpoint.resize(at->ai_addrlen);
            std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
            endpoints.push_back(endpoint);
        }
        ::freeaddrinfo(found);
    }

    const Destination& to;
    std::vector<tcp::endpoint> endpoints;
    Fault fault;
};

Task<error_code> connect(tcp::socket& socket, tcp::endpoint to, Instant deadline) {
    error_code error;
    socket.open(to.protocol(), error);
    if (error) co_return error;
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    asio::steady_timer timer(socket.get_executor(), deadline);
    bool late = false;
    // A handler of the timer that is under way when this frame ends finds `here` gone.
    const auto here = std::make_shared<tcp::socket*>(&socket);
    timer.async_wait([weak = std::weak_ptr(here), &late](const error_code& stopped) {
        const auto target = weak.lock();
        if (stopped || !target) return;
        late = true;
        error_code ignored;
        (*target)->cancel(ignored);
    });
    co_await socket.async_connect(to, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted && late) error = asio::error::timed_out;
    co_return error;
}

}  // namespace

Task<Result<Stream>> dial(Loop& loop, Pool& lookup, const Destination& to, Instant deadline) {
    Lookup found(to);
    co_await offload(lookup, found);
    if (found.endpoints.empty()) co_return tl::unexpected<Fault>(std::move(found.fault));
    co_return co_await dial(loop, found.endpoints, to, deadline);
}

Task<Result<Stream>> dial(Loop& loop, const std::vector<tcp::endpoint>& addresses,
                          const Destination& to, Instant deadline) {
    const std::string where = fmt::format("{}:{}", to.host, to.port);
    Fault fault{where, "time is up", true, 0};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const Instant now = std::chrono::steady_clock::now();
        if (now >= deadline) break;
        // The last address has all the time that is left, each before it at most half of it.
        const bool last = i + 1 == addresses.size();
        const Instant until = last ? deadline : now + (deadline - now) / 2;
        tcp::socket socket(loop.context());
        const error_code error = co_await connect(socket, addresses[i], until);
        if (error) {
            fault = fail_errno(where, "cannot connect", error.value()).value();
            fault.temporary = true;
            continue;
        }
        Stream stream(std::move(socket));
        if (to.tls == nullptr) co_return std::move(stream);
        Result<wire::TlsInfo> info = co_await stream.handshake(*to.tls, deadline);
        if (info) co_return std::move(stream);
        fault = info.error();
        fault.where = where;
        break;  // the host is there; its other addresses would show the same certificate
    }
    co_return tl::unexpected<Fault>(std::move(fault));
}

}  // namespace mailhandler::net
