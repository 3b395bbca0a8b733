// Signals as calls on the network thread.
#pragma once

#include <boost/asio/signal_set.hpp>
#include <functional>

#include "net/loop.hpp"

namespace mailhandler::net {

// Calls `caught(signal)` for every SIGTERM, SIGINT and SIGHUP while it exists.
class Signals {
  public:
    Signals(Loop& loop, std::function<void(int)> caught);

  private:
    void listen();

    boost::asio::signal_set set_;
    std::function<void(int)> caught_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailhandler::net
