// How many recipients one user may write to within any hour. A stolen password is the usual way a
// server earns a bad name. In memory alone: a restart begins anew.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"

namespace mailhandler::agent {

class Allowance {
  public:
    // Counts one for `who`, or says no: `most` were counted within the hour before `now`. `most` 0: no
    // limit. Safe from several threads.
    bool take(const std::string& who, std::size_t most, Instant now);

  private:
    // Counted by the minute, so that a user costs at most sixty entries.
    using Minutes = std::deque<std::pair<Instant, std::size_t>>;

    void sweep(Instant now);

    std::mutex mutex_;
    std::unordered_map<std::string, Minutes> taken_;
    Instant swept_{};
};

}  // namespace mailhandler::agent
