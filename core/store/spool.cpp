// What a power cut or SIGKILL leaves, at each step. <old> and <due> are an envelope's names before and
// after; both hold the same id.
//
//     add, after             <id>.msg      <id>.new   .env          the caller    so
//     write, sync            some, whole   the same   –             no id         tries again: (1)
//     rename .new            whole         –          none, whole   no id         tries again: (2)
//     sync queue/            whole         –          whole         id            taken on
//
//     update, after          <id>.new      <old>            <due>          so
//     write, sync            some, whole   old              –              attempted again: (3)
//     rename .new → <old>    –             old or new       –              (3), or due too early
//     rename <old> → <due>   –             old or new, or – new, or –      the same
//     sync queue/            –             –                new            as it was told
//
//     remove, after          .env          <id>.msg         so
//     remove .env            there or not  whole            attempted again, or gone: (1)
//     sync queue/            –             whole            gone: (1)
//     remove <id>.msg        –             there or not     gone: (1)
//
// (1) swept away when it is an hour old. (2) what stayed is sent, and comes again: the duplicate that
// store/delivery describes. A file system that keeps a later change of a directory and loses an earlier
// one can leave the envelope alone: list() tells it as damaged, and nobody was promised anything.
// (3) a peer's 250 that the envelope does not know of: that recipient gets the message again (RFC 5321
// section 6.1).
//
// An update is two renames because each of them, whether the other is kept or not, leaves the id one
// name and one whole envelope. Removing the old name instead could lose both or keep both.
#include "store/spool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <unordered_set>

#include "store/directory_syncs.hpp"
#include "store/node.hpp"
#include "store/spool_envelope.hpp"

namespace mailhandler::store {

namespace {

constexpr std::uint64_t largest_envelope = 64 << 20;
constexpr auto stale_after = std::chrono::hours(1);
constexpr std::size_t id_digits = 11;  // of microseconds in base 36: enough until the year 5188

std::int64_t seconds(WallTime time) {
    using std::chrono::floor;
    const auto since = floor<std::chrono::seconds>(time.time_since_epoch()).count();
    return std::clamp<std::int64_t>(since, 0, 9'000'000'000);
}

std::string base36(std::int64_t value) {
    std::string text(id_digits, '0');
    for (auto at = text.rbegin(); at != text.rend(); ++at, value /= 36)
        *at = "0123456789abcdefghijklmnopqrstuvwxyz"[value % 36];
    return text;
}

tl::unexpected<Fault> not_queued(const std::string& id) {
    return tl::unexpected(Fault{id, "nothing of this id is in the queue", false, ENOENT});
}

bool is_gone(const Fault& fault) { return fault.error == ENOENT; }

tl::unexpected<Fault> damaged(std::string path) {
    return tl::unexpected(Fault{std::move(path), "the envelope is damaged", false, EBADMSG});
}

}  // namespace

Spool::Spool(disk::Disk& disk, const Layout& layout, const Clock& clock, std::string_view node)
    : disk_(disk), layout_(layout), clock_(clock), directory_(layout.queue_dir()),
      node_(node_id(node)), store_(disk), syncs_(std::make_unique<DirectorySyncs>(disk)) {}
Spool::~Spool() = default;

// --- taking on ----------------------------------------------------------------------------

// Ids sort by time. One that another process took in the same microsecond is found out by EEXIST.
std::string Spool::unused_id() {
    using namespace std::chrono;
    const auto now = duration_cast<microseconds>(clock_.wall().time_since_epoch()).count();
    const std::scoped_lock guard(mutex_);
    last_id_ = std::max<std::int64_t>(now, last_id_ + 1);
    return base36(last_id_) + '.' + node_;
}

// Also where it is there already: who made it may have been killed before its sync.
Result<> Spool::make_directory() {
    if (made_) return {};
    if (auto made = disk::make_directories(disk_, directory_); !made) return made;
    if (auto synced = disk_.sync_directory(disk::parent_path(directory_)); !synced) return synced;
    made_ = true;
    return {};
}

void Spool::complete(Queued& envelope) const {
    if (envelope.owed.empty()) throw std::invalid_argument("a queued message is owed to nobody");
    const WallTime now = clock_.wall();
    if (envelope.arrived == WallTime{}) envelope.arrived = now;
    if (envelope.next_attempt == WallTime{}) envelope.next_attempt = now;
}

Result<Delivery> Spool::prepare(Queued& envelope, std::span<const std::string_view> parts,
                                disk::File* spilled, std::string_view after) {
    complete(envelope);
    envelope.size = after.size();
    for (const std::string_view part : parts) envelope.size += part.size();
    if (spilled) {
        const auto known = spilled->size();
        if (!known) return tl::unexpected(known.error());
        envelope.size += *known;
    }
    if (auto made = make_directory(); !made) return tl::unexpected(made.error());
    const Schedule schedule{seconds(envelope.next_attempt), destination_in_name(envelope)};
    for (unsigned attempt = 0;; ++attempt) {
        envelope.id = unused_id();
        const Delivery::Pair names{
            directory_, message_file(envelope.id), unfinished_file(envelope.id),
            envelope_file(envelope.id, schedule.next, schedule.destination)};
        auto written =
            Delivery::write_pair(disk_, names, parts, spilled, after, to_text(envelope));
        if (!written && written.error().error == ENOENT && attempt == 0) {
            made_ = false;  // somebody removed the directory
            if (auto made = make_directory(); !made) return tl::unexpected(made.error());
            continue;
        }
        if (!written && written.error().error == EEXIST && attempt < 100) continue;
        if (written) remember(envelope.id, schedule);
        return written;
    }
}

Result<std::string> Spool::add(Queued envelope, std::span<const std::string_view> parts,
                               disk::File* spilled, std::string_view after) {
    auto prepared = prepare(envelope, parts, spilled, after);
    if (!prepared) {
        prepared.error().temporary = true;
        return tl::unexpected(prepared.error());
    }
    std::vector<Delivery> one;
    one.push_back(std::move(*prepared));
    if (auto done = store_.commit(std::move(one)); !done) return tl::unexpected(done.error());
    return envelope.id;
}

Result<std::vector<Copy>> Spool::staged(Queued& envelope, const std::string& stage_domain,
                                        std::vector<std::string> parts, disk::File* spilled) {
    complete(envelope);
    envelope.size = 0;
    for (const std::string& part : parts) envelope.size += part.size();
    if (spilled) {
        const auto known = spilled->size();
        if (!known) return tl::unexpected(known.error());
        envelope.size += *known;
    }
    if (auto made = make_directory(); !made) return tl::unexpected(made.error());
    envelope.id = unused_id();
    const std::string stage = layout_.stage_dir(stage_domain);
    std::vector<Copy> copies;
    copies.push_back({stage, "queued " + envelope.id, directory_,
                      envelope_file(envelope.id, seconds(envelope.next_attempt),
                                    destination_in_name(envelope)),
                      {to_text(envelope)}, nullptr});
    copies.push_back({stage, "message " + envelope.id, directory_, message_file(envelope.id),
                      std::move(parts), spilled});
    return copies;
}

// --- names --------------------------------------------------------------------------------

void Spool::remember(const std::string& id, Schedule schedule) {
    const std::scoped_lock guard(mutex_);
    known_.insert_or_assign(id, std::move(schedule));
}

// Held while a name changes, by one thread of one process: a listing then misses nothing.
Result<Spool::Naming> Spool::begin_naming() {
    Naming naming{std::unique_lock(naming_), nullptr};
    const std::string file = layout_.state_dir() + "/queue.lock";
    auto lock = disk_.lock(file, true);
    if (!lock && is_gone(lock.error())) {
        if (auto made = disk::make_directories(disk_, layout_.state_dir()); !made)
            return tl::unexpected(made.error());
        lock = disk_.lock(file, true);
    }
    if (!lock) return tl::unexpected(lock.error());
    naming.lock = std::move(*lock);
    return naming;
}

// The same for who only looks, as far as it can be had: looking makes nothing (a lock file of another
// user's would be in the server's way), and works on a disk that cannot be written to.
Spool::Naming Spool::keep_names() {
    Naming naming{std::unique_lock(naming_), nullptr};
    const std::string file = layout_.state_dir() + "/queue.lock";
    if (!disk::exists(disk_, file)) return naming;
    if (auto lock = disk_.lock(file, true)) naming.lock = std::move(*lock);
    return naming;
}

std::optional<Spool::Schedule> Spool::last_seen(const std::string& id) {
    const std::scoped_lock guard(mutex_);
    const auto found = known_.find(id);
    if (found == known_.end()) return {};
    return found->second;
}

// What the directory holds; exact while the names are kept.
Result<std::vector<disk::Entry>> Spool::read_names() {
    auto entries = disk_.list(directory_);
    if (!entries && is_gone(entries.error())) entries = std::vector<disk::Entry>();
    if (!entries) return entries;
    std::unordered_map<std::string, Schedule> found;
    found.reserve(entries->size() / 2);
    for (const disk::Entry& entry : *entries) {
        if (const auto name = envelope_name(entry.name))
            found.insert_or_assign(std::string(name->id),
                                   Schedule{name->next, std::string(name->destination)});
    }
    const std::scoped_lock guard(mutex_);
    known_ = std::move(found);
    return entries;
}

std::string Spool::path_of(const std::string& id, const Schedule& schedule) const {
    return path(envelope_file(id, schedule.next, schedule.destination));
}

// Does `act` with what the id's name says. It answers ENOENT when the name is not there: then the
// directory is read again, for somebody may have changed it since. The names are kept.
template <class Act>
auto Spool::with_name(const std::string& id, const Act& act) -> decltype(act(std::declval<const Schedule&>())) {
    for (const bool again : {false, true}) {
        if (again) {
            if (auto read = read_names(); !read) return tl::unexpected(read.error());
        }
        const auto schedule = last_seen(id);
        if (!schedule) continue;
        auto done = act(*schedule);
        if (done || !is_gone(done.error())) return done;
    }
    return not_queued(id);
}

// --- one message --------------------------------------------------------------------------

Result<Queued> Spool::read_envelope(const std::string& id, const Schedule& schedule) {
    const std::string file = path_of(id, schedule);
    const auto text = disk::read_file(disk_, file, largest_envelope);
    if (!text) return tl::unexpected(text.error());
    auto envelope = queued(*text);
    if (!envelope || envelope->id != id) return damaged(file);
    envelope->next_attempt = WallTime(std::chrono::seconds(schedule.next));
    return std::move(*envelope);
}

Result<Queued> Spool::load(const std::string& id) {
    if (!is_spool_id(id)) return not_queued(id);
    if (const auto schedule = last_seen(id)) {
        auto envelope = read_envelope(id, *schedule);
        if (envelope || !is_gone(envelope.error())) return envelope;
    }
    const Naming naming = keep_names();
    return with_name(id, [&](const Schedule& schedule) { return read_envelope(id, schedule); });
}

Result<std::unique_ptr<disk::File>> Spool::open(const std::string& id) {
    if (!is_spool_id(id)) return not_queued(id);
    auto file = disk_.open(path(message_file(id)));
    if (!file && is_gone(file.error())) return not_queued(id);
    return file;
}

// The envelope, whole and synced, beside the one in force.
Result<> Spool::write_unfinished(const Queued& envelope) {
    const std::string beside = path(unfinished_file(envelope.id));
    auto file = disk_.create(beside);
    if (!file && file.error().error == EEXIST) {  // a crash left it
        if (auto removed = disk_.remove(beside); !removed) return removed;
        file = disk_.create(beside);
    }
    if (!file) return tl::unexpected(file.error());
    Result<> done = (*file)->write(to_text(envelope));
    if (done) done = (*file)->sync();
    return done;
}

Result<> Spool::update(const Queued& envelope) {
    const std::string& id = envelope.id;
    if (envelope.owed.empty()) return remove(id);
    if (!is_spool_id(id)) return not_queued(id);
    const std::string beside = path(unfinished_file(id));
    Result<> done = write_unfinished(envelope);
    if (done) done = put_in_place(id, {seconds(envelope.next_attempt), destination_in_name(envelope)});
    if (!done) {
        (void)disk_.remove(beside);  // the fault that is told is the first one
        return done;
    }
    return syncs_->sync(directory_);
}

Result<> Spool::put_in_place(const std::string& id, Schedule schedule) {
    const auto naming = begin_naming();
    if (!naming) return tl::unexpected(naming.error());
    Result<> done = with_name(id, [&](const Schedule& now) -> Result<> {
        const std::string from = path_of(id, now), to = path_of(id, schedule);
        if (auto there = disk_.status(from); !there) return tl::unexpected(there.error());
        if (auto put = disk_.rename(path(unfinished_file(id)), from); !put) return put;
        return from == to ? Result<>() : disk_.rename(from, to);
    });
    if (done) remember(id, std::move(schedule));
    return done;
}

Result<> Spool::rename_due(const std::string& id, WallTime next_attempt) {
    if (!is_spool_id(id)) return not_queued(id);
    const auto naming = begin_naming();
    if (!naming) return tl::unexpected(naming.error());
    Schedule due{seconds(next_attempt), {}};
    Result<> done = with_name(id, [&](const Schedule& now) -> Result<> {
        due.destination = now.destination;
        return disk_.rename(path_of(id, now), path_of(id, due));
    });
    if (done) remember(id, std::move(due));
    return done;
}

Result<> Spool::reschedule(const std::string& id, WallTime next_attempt) {
    if (auto renamed = rename_due(id, next_attempt); !renamed) return renamed;
    return syncs_->sync(directory_);
}

Result<std::size_t> Spool::reschedule_all(WallTime next_attempt) {
    const auto all = list();
    if (!all) return tl::unexpected(all.error());
    std::size_t count = 0;
    for (const Due& due : *all) {
        const auto renamed = rename_due(due.id, next_attempt);
        if (!renamed && !is_gone(renamed.error())) return tl::unexpected(renamed.error());
        count += renamed.has_value();
    }
    if (count == 0) return count;
    if (auto synced = syncs_->sync(directory_); !synced) return tl::unexpected(synced.error());
    return count;
}

Result<> Spool::take_out(const std::string& id) {
    const auto naming = begin_naming();
    if (!naming) return tl::unexpected(naming.error());
    Result<> done = with_name(id, [&](const Schedule& now) { return disk_.remove(path_of(id, now)); });
    const std::scoped_lock guard(mutex_);
    known_.erase(id);
    return done;
}

Result<> Spool::remove(const std::string& id) {
    if (!is_spool_id(id)) return not_queued(id);
    if (auto taken = take_out(id); !taken) return taken;
    if (auto synced = syncs_->sync(directory_); !synced) return synced;
    (void)disk_.remove(path(message_file(id)));  // what stays belongs to nobody: sweep()
    return {};
}

// --- all messages -------------------------------------------------------------------------

namespace {

// The ids whose messages are there.
std::unordered_set<std::string_view> messages_among(const std::vector<disk::Entry>& entries) {
    std::unordered_set<std::string_view> ids;
    ids.reserve(entries.size() / 2);
    for (const disk::Entry& entry : entries)
        if (const auto id = message_id(entry.name)) ids.insert(*id);
    return ids;
}

}  // namespace

std::optional<Spool::Due> Spool::seen(const std::string& file) {
    const auto name = envelope_name(file);
    if (!name || !disk::exists(disk_, path(file))) return {};
    const std::string id(name->id);
    remember(id, {name->next, std::string(name->destination)});
    Due due{id, WallTime(std::chrono::seconds(name->next)), decode_name(name->destination).value_or("")};
    if (name->destination == long_destination) {
        const auto envelope = load(id);
        if (!envelope) return {};
        due.destination = envelope->destination();
    }
    return due;
}

Result<std::vector<Spool::Due>> Spool::list(std::vector<Fault>* damaged_too) {
    Result<std::vector<disk::Entry>> entries;
    {
        const Naming naming = keep_names();
        entries = read_names();
    }
    if (!entries) return tl::unexpected(entries.error());
    const auto complain = [&](const std::string& name, const char* cause, int error) {
        if (damaged_too) damaged_too->push_back({path(name), cause, false, error});
    };
    const auto messages = messages_among(*entries);
    std::vector<Due> all;
    all.reserve(messages.size());
    for (const disk::Entry& entry : *entries) {
        const auto name = envelope_name(entry.name);
        if (!name && entry.name.ends_with(".env"))
            complain(entry.name, "this is no name of an envelope", EINVAL);
        if (!name) continue;
        if (!messages.contains(name->id)) {
            complain(entry.name, "its message is missing", ENOENT);
            continue;
        }
        std::string destination = decode_name(name->destination).value_or("");
        if (name->destination == long_destination) {
            const auto envelope = load(std::string(name->id));
            if (!envelope) continue;  // gone, or told when it is attempted
            destination = envelope->destination();
        }
        all.push_back({std::string(name->id), WallTime(std::chrono::seconds(name->next)),
                       std::move(destination)});
    }
    std::sort(all.begin(), all.end(), [](const Due& one, const Due& other) {
        if (one.next_attempt != other.next_attempt) return one.next_attempt < other.next_attempt;
        return one.id < other.id;
    });
    return all;
}

Result<std::size_t> Spool::sweep() {
    const auto naming = begin_naming();  // and makes the lock file, as the server's user
    if (!naming) return tl::unexpected(naming.error());
    const auto entries = read_names();
    if (!entries) return tl::unexpected(entries.error());
    std::size_t count = 0;
    for (const disk::Entry& entry : *entries) {
        const auto message = message_id(entry.name);
        if (!message && !unfinished_id(entry.name)) continue;
        if (message && last_seen(std::string(*message))) continue;
        const auto status = disk_.status(path(entry.name));
        if (!status || status->modified >= clock_.wall() - stale_after) continue;
        count += disk_.remove(path(entry.name)).has_value();
    }
    return count;
}

}  // namespace mailhandler::store
