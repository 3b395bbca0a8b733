// The kernel's inotify(7), as events on the network thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/inotify.h>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace mailhandler::net {

// Network thread only.
class Inotify {
  public:
    // `event` is called with each one, `name` being what the kernel says (empty for the directory
    // itself), and `drained` behind those that came together.
    using Event = std::function<void(int id, std::uint32_t mask, const char* name)>;

    // A permanent fault that says "cannot watch <what>" where the user has no inotify instance left.
    static Result<std::unique_ptr<Inotify>> open(Loop& loop, const std::string& what);

    void listen(Event event, std::function<void()> drained);

    // Begins to watch a directory; of one that is watched already, the same id. Below 0: errno says why.
    int add(const std::string& directory, std::uint32_t interesting);
    void remove(int id);

  private:
    Inotify(Loop& loop, int descriptor) : events_(loop.context(), descriptor) {}
    void await();
    void read();

    boost::asio::posix::stream_descriptor events_;
    Event event_;
    std::function<void()> drained_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailhandler::net
