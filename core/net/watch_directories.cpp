#include "net/watch_directories.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailhandler::net {

namespace {

constexpr std::uint32_t interesting = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                      IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

Result<std::unique_ptr<WatchDirectories>> WatchDirectories::open(Loop& loop, Log log) {
    auto kernel = Inotify::open(loop, "mailboxes");
    if (!kernel) return tl::unexpected(kernel.error());
    return std::unique_ptr<WatchDirectories>(
        new WatchDirectories(loop, std::move(log), std::move(*kernel)));
}

WatchDirectories::WatchDirectories(Loop& loop, Log log, std::unique_ptr<Inotify> kernel)
    : log_(std::move(log)),
      kernel_(std::move(kernel)),
      resting_(loop.context()),
      polling_(loop.context()) {
    kernel_->listen([this](int id, std::uint32_t mask, const char*) { hear(id, mask); },
                    [this] {
                        if (!rests_) wake_changed();
                    });
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
    directory.id = kernel_->add(name, interesting);
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
        kernel_->remove(found->second.id);
    }
    by_name_.erase(found);
}

void WatchDirectories::hear(int id, std::uint32_t mask) {
    if (mask & IN_Q_OVERFLOW)  // the kernel lost count
        for (auto& [name, directory] : by_name_) directory.changed = true;
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    Directory& directory = by_name_[found->second];
    directory.changed = true;
    if (mask & IN_IGNORED) {  // it was removed; somebody may make it again
        directory.id = -1;
        by_id_.erase(found);
        poll_later();
    }
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
            directory.id = kernel_->add(name, interesting);
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
