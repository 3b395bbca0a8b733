#include "store/removed.hpp"

#include <cerrno>

namespace mailhandler::store {

namespace {

// "20261123T052014Z"
std::string compact(WallTime time) {
    std::string text;
    for (const char each : rfc3339_utc(time).substr(0, 19)) {
        if (each != '-' && each != ':') text += each;
    }
    return text + 'Z';
}

Result<std::optional<std::string>> move(disk::Disk& disk, const std::string& from,
                                        const std::string& directory, const std::string& name) {
    if (!disk::exists(disk, from)) return std::nullopt;
    if (auto made = disk::make_directories(disk, directory); !made) {
        return tl::unexpected(made.error());
    }
    for (unsigned attempt = 1;; ++attempt) {
        std::string to = directory + '/' + name;
        if (attempt > 1) to += '-' + std::to_string(attempt);
        const auto moved = disk.rename_new(from, to);
        if (!moved && moved.error().error == EEXIST && attempt < 1000) continue;
        if (!moved) return tl::unexpected(moved.error());
        // Where it arrives first: a power cut between the two leaves it in both, not in none.
        for (const std::string& each : {directory, disk::parent_path(from)}) {
            if (auto synced = disk.sync_directory(each); !synced) {
                return tl::unexpected(synced.error());
            }
        }
        return to;
    }
}

}  // namespace

Result<std::optional<std::string>> set_aside(disk::Disk& disk, const Layout& layout,
                                             const route::MailboxName& name, WallTime now) {
    return move(disk, layout.maildir(name), layout.removed_dir() + '/' + encode_name(name.domain()),
                mailbox_entry(name) + '.' + compact(now));
}

Result<std::optional<std::string>> set_aside_domain(disk::Disk& disk, const Layout& layout,
                                                    const std::string& domain, WallTime now) {
    return move(disk, layout.domain_dir(domain), layout.removed_dir() + '/' + encode_name(domain),
                "@domain." + compact(now));
}

}  // namespace mailhandler::store
