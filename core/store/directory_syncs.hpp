// Directory syncs, shared: whoever has renamed into a directory waits for a sync that began after
// that, and all who wait for the same directory wait for the same one. Many commits into one
// directory cost one fsync.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

class DirectorySyncs {
  public:
    explicit DirectorySyncs(disk::Disk& disk) : disk_(disk) {}

    // Returns when a sync of `directory` that began after this call has ended; its fault is the
    // fault of all who waited for it. Blocking; safe from several threads.
    Result<> sync(const std::string& directory);

  private:
    struct Round {
        bool done = false;
        Result<> result;
    };
    struct Line {  // of one directory
        std::shared_ptr<Round> running, next;
        std::condition_variable changed;
        std::size_t users = 0;
    };

    disk::Disk& disk_;
    std::mutex mutex_;
    std::unordered_map<std::string, Line> lines_;
};

}  // namespace mailhandler::store
