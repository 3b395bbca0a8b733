#include "net/watch_files.hpp"

#include <dirent.h>

namespace mailhandler::net {

namespace {

constexpr std::uint32_t arrivals = IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t everything =
    arrivals | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB;

}  // namespace

Result<std::unique_ptr<WatchFiles>> WatchFiles::open(Loop& loop,
                                                     std::vector<std::string> directories,
                                                     Changed changed, For what) {
    auto kernel = Inotify::open(loop, "files");
    if (!kernel) return tl::unexpected(kernel.error());
    return std::unique_ptr<WatchFiles>(
        new WatchFiles(loop, std::move(directories), std::move(changed), what, std::move(*kernel)));
}

WatchFiles::WatchFiles(Loop& loop, std::vector<std::string> directories, Changed changed, For what,
                       std::unique_ptr<Inotify> kernel)
    : changed_(std::move(changed)),
      interesting_(what == For::everything ? everything : arrivals),
      kernel_(std::move(kernel)),
      gathering_(loop.context()),
      looking_(loop.context()),
      missing_(directories.begin(), directories.end()) {
    look_for_directories(false);
    kernel_->listen([this](int id, std::uint32_t mask, const char* name) { hear(id, mask, name); },
                    [] {});
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
        const int id = kernel_->add(directory, interesting_);
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

void WatchFiles::hear(int id, std::uint32_t mask, const char* name) {
    if (mask & IN_Q_OVERFLOW)
        for (const auto& [watch, directory] : watched_) note(directory);
    const auto found = watched_.find(id);
    if (found == watched_.end()) return;
    if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
        note(found->second);
        missing_.insert(found->second);
        watched_.erase(found);
        if (mask & IN_MOVE_SELF) kernel_->remove(id);
    } else if (*name) {
        note(found->second + "/" + name);
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
