// What a power cut or SIGKILL leaves, at each step. <old> and <due> are a message's names before and
// after; both hold the same id. X is <id>.new, or the spare that is written over.
//
//     add, after             X             .msg          the caller    so
//     write, sync            some, whole   –             no id         tries again: (1)
//     rename X → .msg        whole, or –   none, whole   no id         tries again: (2)
//     sync queue/            –             whole         id            taken on
//
//     update, after          <id>.new      .env          .msg            so
//     write, sync            some, whole   old or none   <old>           attempted again: (3)
//     rename .new → .env     –             old or new    <old>           (3), or due too early
//     rename <old> → <due>   –             old or new    <old> or <due>  the same
//     sync queue/            –             new           <due>           as it was told
//
//     remove, after          .msg              .env          so
//     .msg → spare, or gone  there or not      there or not  attempted again, or gone: (1)
//     sync queue/            –                 there or not  gone: (1)
//     spare given            – (overwritten)   there or not  gone: (1)
//     remove .env            –                 there or not  gone: (1)
//
// (1) what is left is swept away when it is an hour old, or is a spare again. (2) what stayed is sent,
// and comes again: the duplicate that store/delivery describes. (3) a peer's 250 that no envelope knows
// of: that recipient gets the message again (RFC 5321 section 6.1).
//
// A file is written over only after its former name is durably gone, and gets a name only when what was
// written is durable: so under a message's name there is never another message, and never half of one.
// What is added here is made known by who committed it, never by its name alone (is_news): so a spare
// was durably a message before it became a spare, and no two spares are the same file.
#include "store/spool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "store/node.hpp"
#include "store/spool_envelope.hpp"

namespace mailhandler::store {

namespace {

constexpr std::size_t id_digits = 11;  // of microseconds in base 36: enough until the year 5188

std::int64_t seconds(WallTime time) {
    using std::chrono::floor;
    const auto since = floor<std::chrono::seconds>(time.time_since_epoch()).count();
    return std::clamp<std::int64_t>(since, 0, 9'000'000'000);
}

std::string base36(std::int64_t value, std::size_t digits) {
    std::string text(digits, '0');
    for (auto at = text.rbegin(); at != text.rend(); ++at, value /= 36)
        *at = "0123456789abcdefghijklmnopqrstuvwxyz"[value % 36];
    return text;
}

bool is_gone(const Fault& fault) { return fault.error == ENOENT; }

// Of a spare: somebody was at it.
bool is_unusable(const Fault& fault) {
    return is_gone(fault) || fault.error == EMLINK || fault.error == EACCES || fault.error == EPERM;
}

SpoolNames::Schedule schedule_of(const Queued& envelope) {
    return {seconds(envelope.next_attempt), destination_in_name(envelope)};
}

// Octets of a message in pieces.
Result<std::uint64_t> size_of(std::span<const std::string_view> parts, disk::File* spilled,
                              std::string_view after) {
    std::uint64_t size = after.size();
    for (const auto& part : parts) size += part.size();
    if (!spilled) return size;
    const auto known = spilled->size();
    if (!known) return known;
    return size + *known;
}

}  // namespace

Spool::Spool(disk::Disk& disk, const Layout& layout, const Clock& clock, std::string_view node,
             Store* store)
    : disk_(disk), layout_(layout), clock_(clock),
      tail_(base36(::getpid(), 4) + '.' + node_id(node)),
      own_(store ? nullptr : std::make_unique<Store>(disk)), store_(store ? store : own_.get()),
      names_(disk, layout) {}
Spool::~Spool() = default;

// --- taking on ----------------------------------------------------------------------------

// Ids sort by time. Those of two processes differ.
std::string Spool::unused_id() {
    using namespace std::chrono;
    const auto now = duration_cast<microseconds>(clock_.wall().time_since_epoch()).count();
    const std::scoped_lock guard(mutex_);
    last_id_ = std::max<std::int64_t>(now, last_id_ + 1);
    return base36(last_id_, id_digits) + tail_;
}

// Also where it is there already: who made it may have been killed before its sync.
Result<> Spool::make_directory() {
    if (made_) return {};
    if (auto made = disk::make_directories(disk_, names_.directory()); !made) return made;
    const std::string above = disk::parent_path(names_.directory());
    if (auto synced = disk_.sync_directory(above); !synced) return synced;
    made_ = true;
    return {};
}

// Completes the envelope of a message of so many octets. What its file begins with.
Result<std::string> Spool::begin(Queued& envelope, std::uint64_t octets) {
    if (envelope.owed.empty()) throw std::invalid_argument("a queued message is owed to nobody");
    const WallTime now = clock_.wall();
    if (envelope.arrived == WallTime{}) envelope.arrived = now;
    if (envelope.next_attempt == WallTime{}) envelope.next_attempt = now;
    envelope.size = octets;
    if (auto made = make_directory(); !made) return tl::unexpected(made.error());
    envelope.id = unused_id();
    return message_head(envelope);
}

// Into a file that has served, else into a new one.
Result<Delivery> Spool::write(const Queued& envelope, const std::string& head,
                              std::span<const std::string_view> parts, disk::File* spilled,
                              std::string_view after) {
    std::vector<std::string_view> all{head};
    all.insert(all.end(), parts.begin(), parts.end());
    const Schedule schedule = schedule_of(envelope);
    Delivery::Place place{names_.directory(), {},
                          message_file(envelope.id, schedule.next, schedule.destination), true};
    Result<Delivery> written = tl::unexpected(not_queued(envelope.id));
    do {
        const auto spare = spares_.take();
        place.over = spare.has_value();
        place.hidden = spare ? *spare : unfinished_file(envelope.id);
        written = Delivery::write_into(disk_, place, all, spilled, after);
    } while (!written && place.over && is_unusable(written.error()));
    if (written) names_.remember(envelope.id, schedule);
    return written;
}

Result<Delivery> Spool::prepare(Queued& envelope, std::span<const std::string_view> parts,
                                disk::File* spilled, std::string_view after) {
    const auto octets = size_of(parts, spilled, after);
    if (!octets) return tl::unexpected(octets.error());
    for (const bool again : {false, true}) {
        const auto head = begin(envelope, *octets);
        if (!head) return tl::unexpected(head.error());
        auto written = write(envelope, *head, parts, spilled, after);
        if (written || written.error().error != ENOENT || again) return written;
        made_ = false;  // somebody removed the directory
    }
    return tl::unexpected(not_queued(envelope.id));
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
    if (auto done = store_->commit(std::move(one)); !done) return tl::unexpected(done.error());
    return envelope.id;
}

Result<Copy> Spool::staged(Queued& envelope, const std::string& stage_domain,
                           CopyContent content) {
    const auto octets = content.size();
    if (!octets) return tl::unexpected(octets.error());
    auto head = begin(envelope, *octets);
    if (!head) return tl::unexpected(head.error());
    content.own.insert(0, *head);
    const Schedule schedule = schedule_of(envelope);
    return Copy{layout_.stage_dir(stage_domain), "queued " + envelope.id, names_.directory(),
                message_file(envelope.id, schedule.next, schedule.destination), std::move(content)};
}

// --- one message --------------------------------------------------------------------------

// The envelope in force, as text. Fills in where the message's octets begin.
Result<std::string> Spool::read_envelope(const std::string& id, disk::File& file,
                                         std::uint64_t& begin) {
    auto head = read_message_head(file);
    if (!head) return tl::unexpected(head.error());
    begin = head->begin;
    auto later = disk::read_file(disk_, names_.path(changed_file(id)), largest_envelope);
    if (later || !is_gone(later.error())) return later;
    return std::move(head->envelope);
}

Result<QueuedMessage> Spool::read(const std::string& id, const Schedule& schedule) {
    const std::string path = names_.path_of(id, schedule);
    auto file = disk_.open(path);
    if (!file) return tl::unexpected(file.error());
    QueuedMessage message{{}, std::move(*file), 0};
    const auto text = read_envelope(id, *message.file, message.begin);
    if (!text && text.error().error != EBADMSG) return tl::unexpected(text.error());
    auto envelope = text ? queued(*text) : std::nullopt;
    if (!envelope || envelope->id != id) {
        // It may have gone meanwhile, and its file be another's.
        if (auto there = disk_.status(path); !there) return tl::unexpected(there.error());
        return tl::unexpected(Fault{path, "the envelope is damaged", false, EBADMSG});
    }
    message.envelope = std::move(*envelope);
    message.envelope.next_attempt = WallTime(std::chrono::seconds(schedule.next));
    return message;
}

Result<QueuedMessage> Spool::open(const std::string& id) {
    if (!is_spool_id(id)) return tl::unexpected(not_queued(id));
    return names_.with_name(id, [&](const Schedule& schedule) { return read(id, schedule); });
}

Result<Queued> Spool::load(const std::string& id) {
    auto message = open(id);
    if (!message) return tl::unexpected(message.error());
    return std::move(message->envelope);
}

// The envelope, whole and synced, beside the one in force.
Result<> Spool::write_unfinished(const Queued& envelope) {
    const std::string beside = names_.path(unfinished_file(envelope.id));
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
    if (!is_spool_id(id)) return tl::unexpected(not_queued(id));
    Result<> done = write_unfinished(envelope);
    if (done) done = put_in_place(id, schedule_of(envelope));
    if (done) return sync();
    // The fault that is told is the first one. Nobody wants the envelope of what was removed.
    (void)disk_.remove(names_.path(unfinished_file(id)));
    if (is_gone(done.error())) (void)disk_.remove(names_.path(changed_file(id)));
    return done;
}

Result<> Spool::put_in_place(const std::string& id, Schedule schedule) {
    const auto kept = names_.keep();
    if (!kept) return tl::unexpected(kept.error());
    const auto put = [&](const Schedule& now) -> Result<> {
        const std::string from = names_.path_of(id, now), to = names_.path_of(id, schedule);
        if (auto there = disk_.status(from); !there) return tl::unexpected(there.error());
        const std::string beside = names_.path(unfinished_file(id));
        if (auto renamed = disk_.rename(beside, names_.path(changed_file(id))); !renamed)
            return renamed;
        return from == to ? Result<>() : disk_.rename(from, to);
    };
    Result<> done = names_.with_name(id, put, &*kept);
    if (done) names_.remember(id, std::move(schedule));
    return done;
}

Result<> Spool::rename_due(const std::string& id, WallTime next_attempt) {
    if (!is_spool_id(id)) return tl::unexpected(not_queued(id));
    const auto kept = names_.keep();
    if (!kept) return tl::unexpected(kept.error());
    Schedule due{seconds(next_attempt), {}};
    const auto rename = [&](const Schedule& now) -> Result<> {
        due.destination = now.destination;
        return disk_.rename(names_.path_of(id, now), names_.path_of(id, due));
    };
    Result<> done = names_.with_name(id, rename, &*kept);
    if (done) names_.remember(id, std::move(due));
    return done;
}

Result<> Spool::reschedule(const std::string& id, WallTime next_attempt) {
    if (auto renamed = rename_due(id, next_attempt); !renamed) return renamed;
    return sync();
}

// Takes a message's file out of the queue: it becomes `spare`, or goes.
Result<> Spool::set_aside(const std::string& file, std::optional<std::string>& spare) {
    const auto status = disk_.status(file);
    if (!status) return tl::unexpected(status.error());
    if (status->size <= Spares::largest) spare = spares_.reserve();
    if (!spare) return disk_.remove(file);
    auto renamed = disk_.rename(file, names_.path(*spare));
    if (renamed) return renamed;
    spares_.release();
    spare.reset();
    return renamed;
}

Result<> Spool::remove(const std::string& id) {
    if (!is_spool_id(id)) return tl::unexpected(not_queued(id));
    std::optional<std::string> spare;
    const auto taken = names_.with_name(id, [&](const Schedule& now) {
        return set_aside(names_.path_of(id, now), spare);
    });
    if (!taken) return taken;
    names_.forget(id);
    if (auto synced = sync(); !synced) return synced;
    if (spare) spares_.give(std::move(*spare));
    (void)disk_.remove(names_.path(changed_file(id)));  // what stays belongs to nobody: sweep()
    return {};
}

}  // namespace mailhandler::store
