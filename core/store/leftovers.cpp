#include "store/leftovers.hpp"

#include <cerrno>

namespace mailhandler::store {

namespace {

constexpr auto stale_after = std::chrono::hours(36);

struct Sweep {
    disk::Disk& disk;
    const Log& log;
    WallTime before;  // what was changed later stays
    std::size_t removed = 0;

    std::vector<disk::Entry> entries(const std::string& path) const {
        auto listed = disk.list(path);
        if (listed) return std::move(*listed);
        if (listed.error().error != ENOENT) log.warning(listed.error().text());
        return {};
    }

    void files(const std::string& path) {
        for (const disk::Entry& entry : entries(path)) {
            if (entry.kind == disk::Kind::directory) continue;
            const std::string file = path + '/' + entry.name;
            const auto status = disk.status(file);
            if (!status || status->modified >= before) continue;
            if (const auto done = disk.remove(file)) {
                ++removed;
            } else {
                log.warning(done.error().text());
            }
        }
    }

    void maildir(const std::string& path) {
        files(path + "/tmp");
        for (const disk::Entry& entry : entries(path)) {
            if (entry.kind == disk::Kind::directory && entry.name.starts_with('.')) {
                files(path + '/' + entry.name + "/tmp");
            }
        }
    }
};

}  // namespace

Result<std::unique_ptr<disk::File>> open_spill(disk::Disk& disk, const Layout& layout) {
    auto file = disk.scratch(layout.spill_dir());
    if (file || file.error().error != ENOENT) return file;
    auto made = disk::make_directories(disk, layout.spill_dir());
    if (!made) return tl::unexpected(made.error());
    return disk.scratch(layout.spill_dir());
}

std::size_t remove_leftovers(disk::Disk& disk, const Layout& layout, WallTime now, const Log& log) {
    Sweep spilled{disk, log, WallTime::max()};
    spilled.files(layout.spill_dir());
    Sweep sweep{disk, log, now - stale_after};
    for (const disk::Entry& domain : sweep.entries(layout.mail_dir())) {
        if (domain.kind != disk::Kind::directory) continue;
        const std::string path = layout.mail_dir() + '/' + domain.name;
        for (const disk::Entry& mailbox : sweep.entries(path)) {
            // .stage belongs to the ledger, which knows what of it is still wanted.
            if (mailbox.kind == disk::Kind::directory && !mailbox.name.starts_with('.')) {
                sweep.maildir(path + '/' + mailbox.name);
            }
        }
    }
    return spilled.removed + sweep.removed;
}

}  // namespace mailhandler::store
