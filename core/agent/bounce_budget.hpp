// How many bounces go out within any hour: a forged sender is somebody innocent, and a thousand
// bounces are an attack of our making.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "disk/interface.hpp"
#include "mail/address.hpp"
#include "store/layout.hpp"

namespace mailhandler::agent {

class BounceBudget {
  public:
    struct Limits {
        unsigned in_all = 300;
        unsigned to_unproven = 60;  // of them: to senders that nobody authenticated
        unsigned to_one = 10;       // to one sender
    };

    // In memory alone: a restart begins anew.
    BounceBudget() : BounceBudget(Limits()) {}
    explicit BounceBudget(Limits limits) : limits_(limits) {}
    // In state/bounces, one line for each: shared by `serve` and every `fetch`, however often they
    // are started. Where the file cannot be had, each counts for itself.
    BounceBudget(disk::Disk& disk, const store::Layout& layout)
        : BounceBudget(disk, layout, Limits()) {}
    BounceBudget(disk::Disk& disk, const store::Layout& layout, Limits limits);

    // Counts one, or says in words why not. Safe from several threads; with a file it blocks.
    std::string take(const mail::Address& sender, bool authenticated, WallTime now);

  private:
    struct Sent {
        WallTime when;  // whole seconds
        std::string to;
        bool authenticated;
    };
    std::string judge(const std::string& to, bool authenticated) const;
    std::unique_ptr<disk::Lock> lock();
    void read();
    void write(const Sent& one);
    void forget(WallTime now);

    disk::Disk* const disk_ = nullptr;
    const std::string file_;
    const Limits limits_;
    std::mutex mutex_;
    std::deque<Sent> sent_;               // of the last hour, so never more than in_all
    std::uint64_t seen_ = 0, inode_ = 0;  // the file as it was read
};

}  // namespace mailhandler::agent
