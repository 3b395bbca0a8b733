// Wakes connections when something changes in a directory: those that idle in a mailbox.
//
// One inotify(7) descriptor for all of them, one watch for each directory however many wait for it.
// A change wakes at once; further ones within `pause` wake once more at its end, so that a storm of
// deliveries costs a waiting connection a bounded number of wake-ups a second. Where the kernel has
// no watch left, those who wait are woken every few seconds instead.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/inotify.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace mailhandler::net {

// Network thread only. Outlives the connections that wait.
class WatchDirectories {
  public:
    static Result<std::unique_ptr<WatchDirectories>> open(Loop& loop, Log log);

    // What one connection waits for; destroyed = nothing.
    class Place {
      public:
        Place(WatchDirectories& watch, Handle handle);
        Place(const Place&) = delete;
        ~Place();
        // Entries made, moved or removed in these directories wake the connection (Handle::wake),
        // until the next call. One that does not exist is not waited for.
        void wait_for(std::vector<std::string> directories);

      private:
        friend class WatchDirectories;
        WatchDirectories& watch_;
        Handle handle_;
        std::vector<std::string> directories_;
    };

    // Directories that are being watched.
    std::size_t size() const { return by_name_.size(); }

    static constexpr std::chrono::milliseconds pause{20};
    static constexpr std::chrono::seconds poll{3};

  private:
    struct Directory {
        int id = -1;  // of the kernel's watch; -1: there is none, it is polled
        std::set<Place*> places;
        bool changed = false;  // and nobody was woken yet
    };
    WatchDirectories(Loop& loop, Log log, std::unique_ptr<Inotify> kernel);
    void add(const std::string& name, Place& place);
    void remove(const std::string& name, Place& place);
    void hear(int id, std::uint32_t mask);
    void wake_changed();
    void rest();
    void poll_later();

    Log log_;
    std::unique_ptr<Inotify> kernel_;
    boost::asio::steady_timer resting_, polling_;
    std::unordered_map<std::string, Directory> by_name_;
    std::unordered_map<int, std::string> by_id_;
    bool rests_ = false;
    bool polls_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailhandler::net
