// What a running server does now and then beside mail: held mail whose time is up goes, and the
// postmaster hears once a day of what is held.
#pragma once

#include <chrono>

#include "agent/configuration.hpp"
#include "base/log.hpp"
#include "store/layout.hpp"
#include "store/maildir.hpp"

namespace mailhandler::run {

constexpr std::chrono::minutes first_housekeeping{5};
constexpr std::chrono::minutes between_housekeepings{60};

// Blocking. What goes wrong is said, and tried again the next time.
void keep_house(disk::Disk& disk, const store::Layout& layout, const agent::Snapshot& snapshot,
                const Clock& clock, store::UniqueNames& names, const Log& log);

}  // namespace mailhandler::run
