#include "store/dotlock.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <thread>

namespace mailhandler::store {

namespace {

constexpr auto untouched_for = std::chrono::minutes(2);  // Dovecot's MAILDIR_UIDLIST_LOCK_STALE_TIMEOUT
constexpr auto first_pause = std::chrono::milliseconds(1), longest_pause = std::chrono::milliseconds(50);

std::string host() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string own_mark() { return fmt::format("{}:{}", ::getpid(), host()); }

// The number of the process that holds the lock, where it is one of this host; else 0.
pid_t local_holder(std::string_view mark) {
    const auto colon = mark.find(':');
    if (colon == mark.npos || mark.substr(colon + 1) != host()) return 0;
    pid_t number = 0;
    const auto [end, error] = std::from_chars(mark.data(), mark.data() + colon, number);
    return error == std::errc() && end == mark.data() + colon && number > 0 ? number : 0;
}

bool is_stale(disk::Disk& disk, const Clock& clock, const std::string& file,
              const disk::Status& status) {
    const auto mark = disk::read_file(disk, file, 1024);
    if (!mark) return false;
    // Who works longer touches it, as Dovecot does. Also where its process seems to live: after a
    // power cut the number may be another's.
    if (status.modified + untouched_for < clock.wall()) return true;
    if (const pid_t holder = local_holder(*mark)) {
        // Our own number: another thread's, or of one who had it before us (in a container every
        // server is process 1). Nobody here holds a lock for half a minute.
        if (holder == ::getpid()) return status.modified + std::chrono::seconds(30) < clock.wall();
        return ::kill(holder, 0) != 0 && errno == ESRCH;
    }
    return false;
}

// Takes a stale lock away. By a rename: of two who found it stale, the second must not take away the new
// lock of the first.
void take_away(disk::Disk& disk, const std::string& file, std::uint64_t inode) {
    static std::atomic<unsigned> count{0};
    const std::string aside = fmt::format("{}.stale.{}.{}", file, ::getpid(), count++);
    if (!disk.rename(file, aside)) return;
    const auto taken = disk.status(aside);
    if (taken && taken->inode != inode && disk.rename_new(aside, file)) return;
    (void)disk.remove(aside);
}

}  // namespace

Dotlock::Dotlock(Dotlock&& other) noexcept
    : disk_(std::exchange(other.disk_, nullptr)), file_(std::move(other.file_)),
      inode_(other.inode_) {}

Dotlock& Dotlock::operator=(Dotlock&& other) noexcept {
    if (this != &other) {
        release();
        disk_ = std::exchange(other.disk_, nullptr);
        file_ = std::move(other.file_);
        inode_ = other.inode_;
    }
    return *this;
}

Dotlock::~Dotlock() { release(); }

void Dotlock::release() {
    if (!disk_) return;
    // Held too long, somebody may have taken it away and made their own.
    const auto there = disk_->status(file_);
    if (there && there->inode == inode_) (void)disk_->remove(file_);
    disk_ = nullptr;
}

Result<Dotlock> Dotlock::take(disk::Disk& disk, const Clock& clock, const std::string& path,
                              std::chrono::milliseconds wait) {
    const std::string file = path + ".lock";
    std::chrono::milliseconds waited{0}, pause = first_pause;
    for (;;) {
        auto made = disk.create(file, 0644);
        if (made) {
            auto status = disk.status(file);
            Result<> written = (*made)->write(own_mark());
            if (status && written) return Dotlock(disk, file, status->inode);
            (void)disk.remove(file);
            return tl::unexpected(status ? written.error() : status.error());
        }
        if (made.error().error != EEXIST) return tl::unexpected(made.error());
        if (const auto status = disk.status(file); status && is_stale(disk, clock, file, *status)) {
            take_away(disk, file, status->inode);
            continue;
        }
        if (waited >= wait) return fail_errno(file, "is held by another process", EAGAIN);
        std::this_thread::sleep_for(pause);
        waited += pause;
        pause = std::min(pause * 2, longest_pause);
    }
}

}  // namespace mailhandler::store
