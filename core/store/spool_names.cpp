#include "store/spool_names.hpp"

#include <cerrno>

namespace mailhandler::store {

Fault not_queued(const std::string& id) {
    return {id, "nothing of this id is in the queue", false, ENOENT};
}

SpoolNames::SpoolNames(disk::Disk& disk, const Layout& layout)
    : disk_(disk), directory_(layout.queue_dir()), state_(layout.state_dir()) {}

std::string SpoolNames::path_of(const std::string& id, const Schedule& schedule) const {
    return path(message_file(id, schedule.next, schedule.destination));
}

void SpoolNames::remember(const std::string& id, Schedule schedule) {
    const std::scoped_lock guard(mutex_);
    known_.insert_or_assign(id, Known{std::move(schedule), true});
}

void SpoolNames::forget(const std::string& id) {
    const std::scoped_lock guard(mutex_);
    known_.erase(id);
}

std::optional<SpoolNames::Schedule> SpoolNames::last_seen(const std::string& id) const {
    const std::scoped_lock guard(mutex_);
    const auto found = known_.find(id);
    if (found == known_.end()) return {};
    return found->second.schedule;
}

bool SpoolNames::remembers(const std::string& id, const Schedule& schedule) const {
    const std::scoped_lock guard(mutex_);
    const auto found = known_.find(id);
    return found != known_.end() && found->second.remembered && found->second.schedule == schedule;
}

Result<SpoolNames::Kept> SpoolNames::keep() {
    Kept kept{std::unique_lock(naming_), nullptr};
    const std::string file = state_ + "/queue.lock";
    auto lock = disk_.lock(file, true);
    if (!lock && lock.error().error == ENOENT) {
        if (auto made = disk::make_directories(disk_, state_); !made)
            return tl::unexpected(made.error());
        lock = disk_.lock(file, true);
    }
    if (!lock) return tl::unexpected(lock.error());
    kept.everywhere = std::move(*lock);
    return kept;
}

SpoolNames::Kept SpoolNames::keep_if_possible() {
    Kept kept{std::unique_lock(naming_), nullptr};
    const std::string file = state_ + "/queue.lock";
    if (!disk::exists(disk_, file)) return kept;
    if (auto lock = disk_.lock(file, true)) kept.everywhere = std::move(*lock);
    return kept;
}

Result<disk::Names> SpoolNames::read() {
    auto entries = disk_.names(directory_);
    if (!entries && entries.error().error == ENOENT) entries = disk::Names();
    if (!entries) return entries;
    std::unordered_map<std::string, Known> found;
    found.reserve(entries->size());
    for (const disk::Names::Name& entry : *entries) {
        if (const auto name = queue_name(entry.text()))
            found.insert_or_assign(std::string(name->id),
                                   Known{{name->next, std::string(name->destination)}, false});
    }
    const std::scoped_lock guard(mutex_);
    for (const auto& [id, before] : known_) {
        const auto now = found.find(id);
        if (now != found.end() && now->second.schedule == before.schedule)
            now->second.remembered = before.remembered;
    }
    known_ = std::move(found);
    return entries;
}

}  // namespace mailhandler::store
