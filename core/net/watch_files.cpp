#include "net/watch_files.hpp"

#include <cerrno>
#include <dirent.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace mailhandler::net {

namespace {

constexpr std::uint32_t interesting = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                      IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

Result<std::unique_ptr<WatchFiles>> WatchFiles::open(Loop& loop,
                                                     std::vector<std::string> directories,
                                                     Changed changed) {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return fail_errno("inotify", "cannot watch files", errno);
    return std::unique_ptr<WatchFiles>(
        new WatchFiles(loop, std::move(directories), std::move(changed), descriptor));
}

WatchFiles::WatchFiles(Loop& loop, std::vector<std::string> directories, Changed changed,
                       int descriptor)
    : changed_(std::move(changed)),
      events_(loop.context(), descriptor),
      gathering_(loop.context()),
      looking_(loop.context()),
      missing_(directories.begin(), directories.end()) {
    look_for_directories(false);
    await_events();
    again();
}

void WatchFiles::again() {
    looking_.expires_after(look_every);
    looking_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            look_for_directories(true);
            again();
        });
}

void WatchFiles::look_for_directories(bool tell) {
    for (auto at = missing_.begin(); at != missing_.end();) {
        const std::string directory = *at;
        const int id =
            ::inotify_add_watch(events_.native_handle(), directory.c_str(), interesting);
        if (id < 0) {
            ++at;
            continue;
        }
        watched_[id] = directory;
        at = missing_.erase(at);
        if (!tell) continue;
        // What was put there before we watched has had no event.
        if (DIR* entries = ::opendir(directory.c_str())) {
            while (const dirent* entry = ::readdir(entries)) {
                const std::string name = entry->d_name;
                if (name != "." && name != "..") note(directory + "/" + name);
            }
            ::closedir(entries);
        }
    }
}

void WatchFiles::await_events() {
    events_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            read_events();
            await_events();
        });
}

void WatchFiles::read_events() {
    alignas(inotify_event) char octets[16 * 1024];
    for (;;) {
        const ssize_t size = ::read(events_.native_handle(), octets, sizeof octets);
        if (size <= 0) return;  // EAGAIN: that was all
        for (ssize_t at = 0; at < size;) {
            const auto& event = *reinterpret_cast<const inotify_event*>(octets + at);
            at += static_cast<ssize_t>(sizeof event + event.len);
            if (event.mask & IN_Q_OVERFLOW)
                for (const auto& [id, directory] : watched_) note(directory);
            const auto found = watched_.find(event.wd);
            if (found == watched_.end()) continue;
            if (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
                note(found->second);
                missing_.insert(found->second);
                watched_.erase(found);
                if (event.mask & IN_MOVE_SELF)
                    ::inotify_rm_watch(events_.native_handle(), event.wd);
            } else if (event.len > 0) {
                note(found->second + "/" + event.name);
            }
        }
    }
}

void WatchFiles::note(std::string path) {
    const bool first = noted_.empty();
    noted_.insert(std::move(path));
    if (!first) return;
    gathering_.expires_after(gather);
    gathering_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            const std::vector<std::string> paths(noted_.begin(), noted_.end());
            noted_.clear();
            changed_(paths);
        });
}

}  // namespace mailhandler::net
