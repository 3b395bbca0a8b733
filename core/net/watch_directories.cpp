#include "net/watch_directories.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

namespace mailhandler::net {

namespace {

constexpr std::uint32_t interesting = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

Result<std::unique_ptr<WatchDirectories>> WatchDirectories::open(Loop& loop, Log log) {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return fail_errno("inotify", "cannot watch mailboxes", errno);
    return std::unique_ptr<WatchDirectories>(
        new WatchDirectories(loop, std::move(log), descriptor));
}

WatchDirectories::WatchDirectories(Loop& loop, Log log, int descriptor)
    : log_(std::move(log)),
      events_(loop.context(), descriptor),
      resting_(loop.context()),
      polling_(loop.context()) {
    await_events();
}

WatchDirectories::Place::Place(WatchDirectories& watch, Handle handle)
    : watch_(watch), handle_(std::move(handle)) {}

WatchDirectories::Place::~Place() { wait_for({}); }

void WatchDirectories::Place::wait_for(std::vector<std::string> directories) {
    // The new ones first: who waits again for the same costs the kernel nothing.
    for (const std::string& name : directories) watch_.add(name, *this);
    directories_.swap(directories);
    for (const std::string& name : directories)
        if (std::find(directories_.begin(), directories_.end(), name) == directories_.end())
            watch_.remove(name, *this);
}

void WatchDirectories::add(const std::string& name, Place& place) {
    Directory& directory = by_name_[name];
    directory.places.insert(&place);
    if (directory.id >= 0) return;
    directory.id = ::inotify_add_watch(events_.native_handle(), name.c_str(), interesting);
    if (directory.id >= 0) {
        by_id_[directory.id] = name;
        return;
    }
    if (errno != ENOENT && !polls_)
        log_.warning(fail_errno(name, "cannot be watched, it is looked at every few seconds", errno)
                         .value()
                         .text());
    poll_later();
}

void WatchDirectories::remove(const std::string& name, Place& place) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return;
    found->second.places.erase(&place);
    if (!found->second.places.empty()) return;
    if (found->second.id >= 0) {
        by_id_.erase(found->second.id);
        ::inotify_rm_watch(events_.native_handle(), found->second.id);
    }
    by_name_.erase(found);
}

void WatchDirectories::await_events() {
    events_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            read_events();
            await_events();
        });
}

void WatchDirectories::read_events() {
    alignas(inotify_event) char octets[16 * 1024];
    for (;;) {
        const ssize_t size = ::read(events_.native_handle(), octets, sizeof octets);
        if (size <= 0) break;  // EAGAIN: that was all
        for (ssize_t at = 0; at < size;) {
            const auto& event = *reinterpret_cast<const inotify_event*>(octets + at);
            at += static_cast<ssize_t>(sizeof event + event.len);
            if (event.mask & IN_Q_OVERFLOW)  // the kernel lost count
                for (auto& [name, directory] : by_name_) directory.changed = true;
            const auto found = by_id_.find(event.wd);
            if (found == by_id_.end()) continue;
            Directory& directory = by_name_[found->second];
            directory.changed = true;
            if (event.mask & IN_IGNORED) {  // it was removed; somebody may make it again
                directory.id = -1;
                by_id_.erase(found);
                poll_later();
            }
        }
    }
    if (!rests_) wake_changed();
}

void WatchDirectories::wake_changed() {
    bool any = false;
    for (auto& [name, directory] : by_name_) {
        if (!std::exchange(directory.changed, false)) continue;
        any = true;
        for (Place* place : directory.places) place->handle_.wake();
    }
    if (any) rest();
}

void WatchDirectories::rest() {
    rests_ = true;
    resting_.expires_after(pause);
    resting_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            rests_ = false;
            wake_changed();
        });
}

// Looks for what has no watch, and wakes who waits for it.
void WatchDirectories::poll_later() {
    if (std::exchange(polls_, true)) return;
    polling_.expires_after(poll);
    polling_.async_wait([this,
                         alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        if (error || alive.expired()) return;
        polls_ = false;
        bool missing = false;
        for (auto& [name, directory] : by_name_) {
            if (directory.id >= 0) continue;
            directory.changed = true;
            directory.id = ::inotify_add_watch(events_.native_handle(), name.c_str(), interesting);
            if (directory.id >= 0)
                by_id_[directory.id] = name;
            else
                missing = true;
        }
        if (!rests_) wake_changed();
        if (missing) poll_later();
    });
}

}  // namespace mailhandler::net
