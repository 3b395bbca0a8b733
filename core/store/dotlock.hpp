// A lock file as Dovecot makes them: NAME.lock, made with O_EXCL, "PID:HOST" inside, removed when the
// work is done. Between processes that share a maildir: we and a Dovecot keep off each other's
// dovecot-uidlist, dovecot-keywords and subscriptions.
//
// It is stale, and taken away, when it names a process of this host that is not there any more, or one
// with our own number half a minute ago (nobody here holds one so long), or was not touched for two
// minutes. Held for as long as it takes to write one file.
#pragma once

#include <chrono>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

class Dotlock {
  public:
    // Of the file `path`, as PATH.lock. Blocking, up to `wait`; then EAGAIN.
    static Result<Dotlock> take(disk::Disk& disk, const Clock& clock, const std::string& path,
                                std::chrono::milliseconds wait = std::chrono::seconds(30));

    Dotlock(Dotlock&& other) noexcept;
    Dotlock& operator=(Dotlock&& other) noexcept;
    ~Dotlock();


  private:
    Dotlock(disk::Disk& disk, std::string file, std::uint64_t inode)
        : disk_(&disk), file_(std::move(file)), inode_(inode) {}
    void release();

    disk::Disk* disk_;  // null: nothing is held
    std::string file_;
    std::uint64_t inode_;
};

}  // namespace mailhandler::store
