// The maildrops of POP3, frozen and remembered: a mailbox of 100,000 messages that nothing came to
// or went from since the last login is not read again.
//
// What is remembered is believed while new/ and cur/ (and the list of a Dovecot, where its UIDLs
// count) have the inode and the times they had, and only where those times were older than a tick
// of the file system's clock when the listing began: whatever another process changes is seen at
// the next login. That takes a file system whose clock is this machine's, or behind it by less than
// a tick.
//
// What is remembered is bounded: those not used for the longest go first, and any after some
// minutes.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "agent/frozen_maildrop.hpp"
#include "base/clock.hpp"
#include "disk/interface.hpp"

namespace mailhandler::agent {

class Maildrops {
  public:
    struct Limits {
        std::size_t memory = 64 << 20;  // octets, of what is remembered without being used
        std::chrono::minutes idle{10};
    };
    Maildrops(disk::Disk& disk, const Clock& clock) : Maildrops(disk, clock, Limits()) {}
    Maildrops(disk::Disk& disk, const Clock& clock, const Limits& limits)
        : disk_(disk), clock_(clock), limits_(limits) {}

    // The messages of `maildir` as they are now. `dovecot`: UIDLs that MAILDIR/dovecot-uidlist has
    // are kept. Blocking; safe from several threads. Errors: of the disk, temporary.
    Result<std::shared_ptr<const FrozenMaildrop>> freeze(const std::string& maildir, bool dovecot);

    // Lets go of what was not used for a while. Does not block.
    void tidy();
    std::size_t memory() const;  // octets, about, of what is remembered

  private:
    // What tells that a directory or a file is as it was.
    struct Mark {
        bool there = false, linked = false;  // a link's own times say nothing
        std::uint64_t inode = 0, size = 0;
        WallTime modified{}, changed{};
        bool operator==(const Mark&) const = default;
        bool older_than(WallTime moment) const;  // by more than a tick
    };
    struct Marks {
        Mark parts[3];  // new/, cur/, the list
        bool operator==(const Marks&) const = default;
    };
    struct Remembered {
        std::string key;
        Marks marks;
        std::shared_ptr<const FrozenMaildrop> maildrop;
        Instant used;
    };

    Result<Mark> mark(const std::string& path) const;
    Result<Marks> marks(const std::string& maildir, bool dovecot) const;
    std::shared_ptr<const FrozenMaildrop> remembered(const std::string& key, const Marks& now);
    void remember(Remembered fresh);
    void forget(std::list<Remembered>::iterator which);

    disk::Disk& disk_;
    const Clock& clock_;
    const Limits limits_;
    mutable std::mutex mutex_;
    std::list<Remembered> known_;  // the last used first
    std::unordered_map<std::string, std::list<Remembered>::iterator> by_key_;
    std::size_t memory_ = 0;
};

}  // namespace mailhandler::agent
