#include "run/housekeeping.hpp"

#include <fmt/format.h>

#include "agent/held_review.hpp"
#include "store/held.hpp"

namespace mailhandler::run {

void keep_house(disk::Disk& disk, const store::Layout& layout, const agent::Snapshot& snapshot,
                const Clock& clock, store::UniqueNames& names, const Log& log) {
    if (const auto& keep = snapshot.server->held.keep) {
        const auto gone = store::Held(disk, layout).expire(clock.wall() - *keep);
        if (!gone)
            log.error(gone.error().text());
        else if (!gone->empty())
            log.info(fmt::format("{} held messages went: [held] keep is over", gone->size()));
    }
    const auto told = agent::deliver_due_summary(
        {disk, layout, snapshot.directory, clock, names, snapshot.server->hostname});
    if (!told) log.warning("no summary of held mail: " + told.error().text());
}

}  // namespace mailhandler::run
