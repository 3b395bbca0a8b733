#include "net/signals.hpp"

#include <csignal>

namespace mailhandler::net {

Signals::Signals(Loop& loop, std::function<void(int)> caught)
    : set_(loop.context(), SIGTERM, SIGINT, SIGHUP), caught_(std::move(caught)) {
    listen();
}

void Signals::listen() {
    set_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error,
                                                          int signal) {
        if (error || alive.expired()) return;
        listen();
        caught_(signal);
    });
}

}  // namespace mailhandler::net
