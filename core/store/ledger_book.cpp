#include "store/ledger_book.hpp"

#include <cerrno>
#include <charconv>

#include "store/ledger_record.hpp"

namespace mailhandler::store {

namespace {

// A log with fewer dead records than this is not worth writing anew.
constexpr std::size_t few = 1000;

std::optional<std::uint64_t> number(const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
    return value;
}

std::string seconds_of(WallTime when) {
    return std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count());
}

}  // namespace

LedgerBook::LedgerBook(disk::Disk& disk, std::string path, std::string base)
    : disk_(disk), path_(std::move(path)), base_(std::move(base) + '/') {}

std::string LedgerBook::relative(const std::string& path) const {
    return path.starts_with(base_) ? path.substr(base_.size()) : path;
}

Result<> LedgerBook::read() {
    const auto text = disk::read_file(disk_, path_);
    if (!text) {
        never_used_ = text.error().error == ENOENT;
        if (never_used_) return {};
        return tl::unexpected(text.error());
    }
    std::size_t suspects = 0;  // damaged lines that may yet turn out to be the torn tail
    const std::string_view whole = *text;
    for (std::size_t begin = 0, end; (end = whole.find('\n', begin)) != whole.npos;
         begin = end + 1) {
        auto fields = parse_record(whole.substr(begin, end - begin));
        if (fields && apply(*fields)) {
            damaged_ += std::exchange(suspects, 0);
            whole_ = end + 1;
            ++records_;
        } else {
            ++suspects;
        }
    }
    return {};
}

bool LedgerBook::apply(Fields& fields) {
    if (fields.size() < 4 || fields[0].size() != 1) return false;
    const auto validity = number(fields[2]);
    if (!validity) return false;
    MessageId id{std::move(fields[1]), *validity, std::move(fields[3])};
    switch (fields[0][0]) {
        case 'S': return apply_entry(std::move(id), Known::State::staged, fields);
        case 'D': return apply_entry(std::move(id), Known::State::done, fields);
        case 'W': return apply_wait(std::move(id), fields);
        case 'M': return apply_adoption(id, fields);
        case 'F':
            entries_.erase(id);
            waits_.erase(id);
            return true;
        case 'L':
            if (const auto found = entries_.find(id); found != entries_.end())
                found->second.known.leaving = true;
            return true;
        default: return false;
    }
}

bool LedgerBook::apply_entry(MessageId id, Known::State state, Fields& fields) {
    if (fields.size() < 6) return false;
    const auto size = number(fields[4]);
    // An even number of fields: a record of before the time was kept.
    const bool timed = fields.size() % 2 != 0;
    const auto when = timed ? number(fields.back()) : 0;
    if (!size || !when) return false;
    Entry entry{{state, *size, std::move(fields[5]), WallTime(std::chrono::seconds(*when))}, {}};
    for (std::size_t at = 6; state == Known::State::staged && at + 1 < fields.size(); at += 2) {
        for (std::string* path : {&fields[at], &fields[at + 1]}) {
            if (!path->starts_with('/')) path->insert(0, base_);
        }
        entry.moves.push_back({std::move(fields[at]), std::move(fields[at + 1])});
    }
    waits_.erase(id);
    entries_.insert_or_assign(std::move(id), std::move(entry));
    return true;
}

bool LedgerBook::apply_adoption(const MessageId& id, Fields& fields) {
    if (fields.size() != 6 && fields.size() != 7) return false;
    const auto old = number(fields[4]);
    if (!old) return false;
    // The old mailbox is named only where it is another one.
    const std::string& mailbox = fields.size() == 7 ? fields[6] : id.mailbox;
    take_over(id, MessageId{mailbox, *old, std::move(fields[5])});
    return true;
}

bool LedgerBook::apply_wait(MessageId id, Fields& fields) {
    if (fields.size() != 8) return false;
    const auto size = number(fields[4]), since = number(fields[7]);
    if (!size || !since) return false;
    waits_.insert_or_assign(std::move(id), Wait{*size, std::move(fields[5]), std::move(fields[6]),
                                                WallTime(std::chrono::seconds(*since))});
    return true;
}

void LedgerBook::append_wait(std::string& to, const MessageId& id, const Wait& wait) {
    append_record(to, {"W", id.mailbox, std::to_string(id.validity), id.uid,
                       std::to_string(wait.size), wait.domain, wait.local,
                       seconds_of(wait.since)});
}

void LedgerBook::take_over(const MessageId& id, const MessageId& old) {
    const auto found = entries_.find(old);
    if (found == entries_.end()) return;
    Entry entry = std::move(found->second);
    entries_.erase(found);
    entries_.insert_or_assign(id, std::move(entry));
}

void LedgerBook::append_entry(std::string& to, const MessageId& id, const Entry& entry) const {
    const std::string validity = std::to_string(id.validity);
    const std::string size = std::to_string(entry.known.size);
    const bool staged = entry.known.state == Known::State::staged;
    std::vector<std::string> paths;
    for (const Move& move : entry.moves) {
        paths.push_back(relative(move.stage));
        paths.push_back(relative(move.to));
    }
    std::vector<std::string_view> fields = {staged ? "S" : "D", id.mailbox, validity, id.uid, size,
                                            entry.known.hash};
    if (staged) fields.insert(fields.end(), paths.begin(), paths.end());
    const std::string when = seconds_of(entry.known.since);
    fields.push_back(when);
    append_record(to, fields);
    if (entry.known.leaving) append_record(to, {"L", id.mailbox, validity, id.uid});
}

Result<> LedgerBook::sound() const {
    if (!broken_) return {};
    return fail(path_, "an earlier write failed; the ledger must be opened again");
}

Result<> LedgerBook::append(const std::string& records, std::size_t count) {
    if (auto whole = sound(); !whole) return whole;
    broken_ = true;  // until all of it is done
    if (!log_) {
        auto log = disk_.append(path_);
        if (!log) return tl::unexpected(log.error());
        log_ = std::move(*log);
        const auto size = log_->size();
        if (!size) return tl::unexpected(size.error());
        if (*size > whole_) {
            if (auto cut = log_->truncate(whole_); !cut) return cut;
        }
        if (auto synced = disk_.sync_directory(disk::parent_path(path_)); !synced) return synced;
    }
    if (auto wrote = log_->write(records); !wrote) return wrote;
    if (auto synced = log_->sync(); !synced) return synced;
    whole_ += records.size();
    records_ += count;
    broken_ = never_used_ = false;
    return {};
}

Result<> LedgerBook::stage(const std::vector<std::pair<MessageId, Entry>>& staged) {
    std::string records;
    for (const auto& [id, entry] : staged) append_entry(records, id, entry);
    if (auto done = append(records, staged.size()); !done) return done;
    for (const auto& [id, entry] : staged) {
        waits_.erase(id);
        entries_.insert_or_assign(id, entry);
    }
    return {};
}

Result<> LedgerBook::finish(const std::vector<std::pair<MessageId, Known>>& done) {
    std::string records;
    for (const auto& [id, known] : done) append_entry(records, id, {known, {}});
    if (auto wrote = append(records, done.size()); !wrote) return wrote;
    for (const auto& [id, known] : done) {
        waits_.erase(id);
        entries_.insert_or_assign(id, Entry{known, {}});
    }
    return {};
}

Result<> LedgerBook::forget(const std::vector<MessageId>& ids) {
    std::string records;
    for (const MessageId& id : ids) {
        append_record(records, {"F", id.mailbox, std::to_string(id.validity), id.uid});
    }
    if (auto done = append(records, ids.size()); !done) return done;
    for (const MessageId& id : ids) {
        entries_.erase(id);
        waits_.erase(id);
    }
    return {};
}

Result<> LedgerBook::wait(const std::vector<std::pair<MessageId, Wait>>& waits) {
    std::string records;
    for (const auto& [id, wait] : waits) append_wait(records, id, wait);
    if (auto done = append(records, waits.size()); !done) return done;
    for (const auto& [id, wait] : waits) waits_.insert_or_assign(id, wait);
    return {};
}

Result<> LedgerBook::leave(const std::vector<MessageId>& ids) {
    std::string records;
    for (const MessageId& id : ids) {
        append_record(records, {"L", id.mailbox, std::to_string(id.validity), id.uid});
    }
    if (auto done = append(records, ids.size()); !done) return done;
    for (const MessageId& id : ids) entries_.at(id).known.leaving = true;
    return {};
}

Result<> LedgerBook::adopt(const std::vector<std::pair<MessageId, MessageId>>& pairs) {
    std::string records;
    for (const auto& [id, old] : pairs) {
        const std::string validity = std::to_string(id.validity);
        const std::string before = std::to_string(old.validity);
        std::vector<std::string_view> fields = {"M", id.mailbox, validity, id.uid, before, old.uid};
        if (old.mailbox != id.mailbox) fields.push_back(old.mailbox);
        append_record(records, fields);
    }
    if (auto done = append(records, pairs.size()); !done) return done;
    for (const auto& [id, old] : pairs) take_over(id, old);
    return {};
}

Result<> LedgerBook::compact() {
    const std::size_t living = entries_.size() + waits_.size();
    if (records_ < 2 * living + few) return {};
    if (auto whole = sound(); !whole) return whole;
    std::string records;
    for (const auto& [id, entry] : entries_) append_entry(records, id, entry);
    for (const auto& [id, wait] : waits_) append_wait(records, id, wait);
    broken_ = true;
    log_.reset();
    if (auto done = disk::replace_file(disk_, path_, records); !done) return done;
    whole_ = records.size();
    records_ = living;
    broken_ = false;
    return {};
}

}  // namespace mailhandler::store
