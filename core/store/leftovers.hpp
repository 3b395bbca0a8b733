// What crashes leave behind, and where large messages wait: state/spill and the tmp/ of maildirs.
#pragma once

#include <cstddef>
#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

// A file for the content of one large message while it arrives: appended block by block, then copied
// into each recipient's Delivery. Without a name in state/spill, so that it is gone with its owner
// and after any crash. Makes the directory when it is missing. Faults are temporary.
Result<std::unique_ptr<disk::File>> open_spill(disk::Disk& disk, const Layout& layout);

// Removes what nobody can still be writing: files in any maildir's tmp/ (folders too) not changed for
// 36 hours, as maildir(5) asks, and all of state/spill. Called when `serve` starts and holds its
// lock. What cannot be read or removed is told to `log` and passed over. Returns how many files went.
std::size_t remove_leftovers(disk::Disk& disk, const Layout& layout, WallTime now, const Log& log);

}  // namespace mailhandler::store
