// Listening sockets: each connection that is accepted becomes a coroutine of its Service.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/connections.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace mailhandler::net {

// What a listener serves. Outlives the listener and the connections it made.
class Service {
  public:
    virtual ~Service() = default;
    // One connection, from greeting to end. The stream is closed when it returns. An exception is
    // our bug: logged, and only this connection ends.
    virtual Task<> serve(Stream stream) = 0;
    // What somebody hears for whom there is no room: "421 4.3.2 …\r\n". Empty: nothing, and also
    // where TLS comes first.
    virtual std::string refusal() const { return {}; }
    // In talk: "smtp".
    virtual std::string name() const = 0;
};

// "0.0.0.0:25", "[::1]:143": numbers only. An IPv6 address listens to IPv6 only.
Result<boost::asio::ip::tcp::endpoint> parse_endpoint(std::string_view text);

// Accepts from open() until it is destroyed. Out of descriptors (EMFILE), it refuses those
// who wait, with a spare descriptor, rests a moment and goes on.
class Listener {
  public:
    // SO_REUSEADDR, backlog 1024. Port 0: the system chooses, see endpoint().
    static Result<std::unique_ptr<Listener>> open(Loop& loop, std::string_view address,
                                                  Service& service, Connections& connections,
                                                  Log log);
    ~Listener();

    boost::asio::ip::tcp::endpoint endpoint() const;
    std::uint16_t port() const { return endpoint().port(); }

    static constexpr int backlog = 1024;

  private:
    Listener(Loop& loop, Service& service, Connections& connections, Log log);
    void await_connection();
    void accept_waiting();
    int accept_one();
    Stream stream_of(int descriptor);
    void welcome(int descriptor);
    void turn_away(Stream stream);
    void out_of_descriptors(int error);

    Loop& loop_;
    Service& service_;
    Connections& connections_;
    Log log_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer rest_;
    boost::asio::ip::tcp protocol_ = boost::asio::ip::tcp::v4();
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // asked by callbacks under way
    int spare_ = -1;
    Instant complained_{};
};

}  // namespace mailhandler::net
