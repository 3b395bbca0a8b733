#include "net/dns_channel.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

namespace mailhandler::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int milliseconds_per_try = 2000;  // doubled by each further one
constexpr int tries = 3;

bool library_ready() {
    static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
    return ready;
}

}  // namespace

std::shared_ptr<DnsChannel> DnsChannel::open(Loop& loop, const std::string& server) {
    if (!library_ready()) return nullptr;
    std::shared_ptr<DnsChannel> made(new DnsChannel(loop));
    ares_options options{};
    // A name in the DNS is whole: no search domain is tried behind it.
    options.flags = ARES_FLAG_NOSEARCH;
    options.timeout = milliseconds_per_try;
    options.tries = tries;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
        static_cast<DnsChannel*>(self)->wanted(fd, read != 0, write != 0);
    };
    options.sock_state_cb_data = made.get();
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    std::string only_dns = "b";
    if (!server.empty()) {
        options.lookups = only_dns.data();
        mask |= ARES_OPT_LOOKUPS;
    }
    if (ares_init_options(&made->channel_, &options, mask) != ARES_SUCCESS) return nullptr;
    if (!server.empty() &&
        ares_set_servers_ports_csv(made->channel_, server.c_str()) != ARES_SUCCESS)
        return nullptr;
    return made;
}

// c-ares tells of each socket it closes meanwhile, and ends what is open.
DnsChannel::~DnsChannel() {
    if (channel_) ares_destroy(channel_);
}

void DnsChannel::finished() {
    finished_ = true;
    timer_.cancel();
}

Task<> DnsChannel::wait(Instant deadline) {
    const auto self = shared_from_this();
    while (!finished_) {
        const Instant now = std::chrono::steady_clock::now();
        if (now >= deadline) {
            ares_cancel(channel_);
            break;
        }
        timeval most{1, 0}, left{};
        ares_timeout(channel_, &most, &left);
        const auto pause = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
        timer_.expires_at(std::min(deadline, now + pause + std::chrono::milliseconds(1)));
        error_code cancelled;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        if (!finished_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
}

void DnsChannel::wanted(int fd, bool read, bool write) {
    const auto known = sockets_.find(fd);
    if (!read && !write) {
        if (known == sockets_.end()) return;
        known->second->descriptor.release();  // c-ares closes it
        sockets_.erase(known);
        return;
    }
    std::shared_ptr<Socket>& socket = sockets_[fd];
    if (!socket) socket = std::make_shared<Socket>(loop_.context(), fd);
    socket->want_read = read;
    socket->want_write = write;
    arm(socket, fd);
}

void DnsChannel::arm(const std::shared_ptr<Socket>& socket, int fd) {
    using Wait = asio::posix::stream_descriptor;
    const auto later = [self = weak_from_this(), socket = std::weak_ptr(socket), fd](bool to_read) {
        return [self, socket, fd, to_read](error_code error) {
            if (const auto here = self.lock(); here && !error) here->ready(socket, fd, to_read);
        };
    };
    if (socket->want_read && !std::exchange(socket->reading, true))
        socket->descriptor.async_wait(Wait::wait_read, later(true));
    if (socket->want_write && !std::exchange(socket->writing, true))
        socket->descriptor.async_wait(Wait::wait_write, later(false));
}

void DnsChannel::ready(const std::weak_ptr<Socket>& weak, int fd, bool to_read) {
    const auto socket = weak.lock();
    // The number may be another socket's by now.
    if (const auto known = sockets_.find(fd); known == sockets_.end() || known->second != socket)
        return;
    (to_read ? socket->reading : socket->writing) = false;
    ares_process_fd(channel_, to_read ? fd : ARES_SOCKET_BAD, to_read ? ARES_SOCKET_BAD : fd);
    if (const auto known = sockets_.find(fd); known != sockets_.end() && known->second == socket)
        arm(socket, fd);
}

}  // namespace mailhandler::net
