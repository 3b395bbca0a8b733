// What a Stream and its Handles share: the socket, its TLS, the deadline of a wait and what may end it
// early. Stream moves the octets (stream.cpp); a Handle reaches the Line from any thread by posting to
// its executor, so that everything here happens on the network thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "net/stream.hpp"
#include "net/tls.hpp"

namespace mailhandler::net::detail {

using Socket = boost::asio::ip::tcp::socket;

struct Line : std::enable_shared_from_this<Line> {
    explicit Line(Socket s);

    // --- waiting: Stream::wait() ---
    // One timer, set anew only when it rings too early.
    void arm(Instant until);
    // Ends the wait that is under way, if one is.
    void interrupt();
    // What has happened that may end this kind of wait; ok: nothing. A wake or drain is told once.
    Io interruption();

    // --- outcomes of what Stream tried ---
    Transfer blocked(Socket::wait_type on);
    Transfer fail(int number);         // an errno
    Transfer ssl_outcome(int result);  // of a failed SSL call; errno and OpenSSL's queue are its own

    // Closes the socket, without ado.
    void shut();

    Socket socket;
    boost::asio::steady_timer timer;
    Instant armed = Instant::max();  // when the timer rings …
    Instant deadline{};              // … and when it should
    Socket::wait_type wanted = Socket::wait_read;
    Interruptible interruptible = Interruptible::no;
    bool waiting = false;
    bool woken = false;
    bool drained = false;
    bool aborted = false;
    Ssl ssl;  // null: in clear
    wire::Peer peer;
    std::string error;

  private:
    void ring();
};

}  // namespace mailhandler::net::detail
