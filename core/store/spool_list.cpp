// The queue as a whole (store/spool.hpp): what is in it and when it is due, and what crashes left.
#include <algorithm>
#include <cerrno>

#include "store/spool.hpp"
#include "store/spool_envelope.hpp"

namespace mailhandler::store {

namespace {

constexpr auto stale_after = std::chrono::hours(1);

}  // namespace

std::optional<Spool::Due> Spool::due_of(const QueueName& name) {
    Due due{std::string(name.id), WallTime(std::chrono::seconds(name.next)), {}};
    if (name.destination != long_destination) {
        due.destination = decode_name(name.destination).value_or("");
        return due;
    }
    const auto envelope = load(due.id);
    if (!envelope) return {};  // gone, or told when it is attempted
    due.destination = envelope->destination();
    return due;
}

Result<Spool::Due> Spool::due(const std::string& id) {
    if (!is_spool_id(id)) return tl::unexpected(not_queued(id));
    const auto now = names_.with_name(id, [](const Schedule& each) { return Result<Schedule>(each); });
    if (!now) return tl::unexpected(now.error());
    auto due = due_of({id, now->next, now->destination});
    if (!due) return tl::unexpected(not_queued(id));
    return std::move(*due);
}

Result<std::size_t> Spool::reschedule_all(WallTime next_attempt) {
    const auto all = list();
    if (!all) return tl::unexpected(all.error());
    std::size_t count = 0;
    for (const Due& due : *all) {
        const auto renamed = rename_due(due.id, next_attempt);
        if (!renamed && renamed.error().error != ENOENT) return tl::unexpected(renamed.error());
        count += renamed.has_value();
    }
    if (count == 0) return count;
    if (auto synced = sync(); !synced) return tl::unexpected(synced.error());
    return count;
}

bool Spool::is_news(const std::string& file) const {
    const auto name = queue_name(file);
    if (!name) return false;
    return !names_.remembers(std::string(name->id), {name->next, std::string(name->destination)});
}

std::optional<Spool::Due> Spool::seen(const std::string& file) {
    const auto name = queue_name(file);
    if (!name || !disk::exists(disk_, names_.path(file))) return {};
    names_.remember(std::string(name->id), {name->next, std::string(name->destination)});
    return due_of(*name);
}

Result<std::vector<Spool::Due>> Spool::list(std::vector<Fault>* damaged) {
    Result<disk::Names> entries;
    {
        const auto kept = names_.keep_if_possible();
        entries = names_.read();
    }
    if (!entries) return tl::unexpected(entries.error());
    std::vector<Due> all;
    all.reserve(entries->size());
    for (const disk::Names::Name& entry : *entries) {
        if (const auto name = queue_name(entry.text())) {
            if (auto due = due_of(*name)) all.push_back(std::move(*due));
        } else if (entry.text().ends_with(message_end) && damaged) {
            damaged->push_back({names_.path(std::string(entry.text())),
                                "this is no name of a message", false, EINVAL});
        }
    }
    std::sort(all.begin(), all.end(), [](const Due& one, const Due& other) {
        if (one.next_attempt != other.next_attempt) return one.next_attempt < other.next_attempt;
        return one.id < other.id;
    });
    return all;
}

// What an earlier run had set aside; its names are made durable first.
void Spool::keep_spares(const disk::Names& entries) {
    std::vector<std::string> found;
    for (const disk::Names::Name& entry : entries)
        if (Spares::is_spare(entry.text())) found.emplace_back(entry.text());
    const bool durable = !found.empty() && sync();
    for (const std::string& name : found)
        if (!durable || !spares_.give_found(name)) (void)disk_.remove(names_.path(name));
    spares_.open();
}

Result<std::size_t> Spool::sweep() {
    const auto kept = names_.keep();  // and makes the lock file, as the server's user
    if (!kept) return tl::unexpected(kept.error());
    const auto entries = names_.read();
    if (!entries) return tl::unexpected(entries.error());
    keep_spares(*entries);
    std::size_t count = 0;
    for (const disk::Names::Name& entry : *entries) {
        const auto changed = changed_id(entry.text());
        if (!changed && !unfinished_id(entry.text())) continue;
        if (changed && names_.last_seen(std::string(*changed))) continue;
        const std::string path = names_.path(std::string(entry.text()));
        const auto status = disk_.status(path);
        if (!status || status->modified >= clock_.wall() - stale_after) continue;
        count += disk_.remove(path).has_value();
    }
    return count;
}

}  // namespace mailhandler::store
