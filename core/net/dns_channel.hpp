// One c-ares channel on the Loop, for one lookup: c-ares says which sockets it waits for, the Loop
// waits. Private to net.
#pragma once

#include <ares.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "net/loop.hpp"

namespace mailhandler::net {

class DnsChannel : public std::enable_shared_from_this<DnsChannel> {
  public:
    // Null where c-ares cannot begin. See Resolver for `server`.
    static std::shared_ptr<DnsChannel> open(Loop& loop, const std::string& server);
    ~DnsChannel();
    DnsChannel(const DnsChannel&) = delete;
    DnsChannel& operator=(const DnsChannel&) = delete;

    ares_channel get() { return channel_; }
    // Returns when finished() was called, at `deadline` at the latest: what is open then ends as
    // ARES_ECANCELLED.
    Task<> wait(Instant deadline);
    // For the callback of the query.
    void finished();

  private:
    struct Socket {
        Socket(boost::asio::io_context& context, int fd) : descriptor(context, fd) {}
        boost::asio::posix::stream_descriptor descriptor;
        bool want_read = false, want_write = false, reading = false, writing = false;
    };

    explicit DnsChannel(Loop& loop) : loop_(loop), timer_(loop.context()) {}
    void wanted(int fd, bool read, bool write);
    void arm(const std::shared_ptr<Socket>& socket, int fd);
    void ready(const std::weak_ptr<Socket>& socket, int fd, bool to_read);

    Loop& loop_;
    ares_channel channel_ = nullptr;
    boost::asio::steady_timer timer_;
    std::map<int, std::shared_ptr<Socket>> sockets_;
    bool finished_ = false;
};

}  // namespace mailhandler::net
