#include "store/uids.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <limits>

#include "store/message_flags.hpp"
#include "store/uidlist.hpp"

namespace mailhandler::store {

namespace {

constexpr std::uint64_t largest_list = 1ull << 30;
// UIDs that are left when a list is given up for a new one (RFC 3501 section 2.3.1.1 has 32 bits).
constexpr Uid last_uid = std::numeric_limits<Uid>::max() - 1'000'000;

// 64 bits of a name (the finaliser is MurmurHash3's): FNV-1a alone leaves its low bits too even.
std::uint64_t hash_of(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ hash >> 33;
}

bool same(const disk::Status& one, const disk::Status& other) {
    return one.inode == other.inode && one.size == other.size && one.modified == other.modified;
}

std::string line_for(Uid uid, std::string_view file) {
    const std::string_view name = without_flags(file);
    return fmt::format("{} P{} :{}\n", uid, uidl_of_base(base_of(name)), name);
}

}  // namespace

Result<std::uint32_t> next_uid_validity(disk::Disk& disk, const Clock& clock,
                                        const std::string& account, std::uint32_t above) {
    const std::string path = account + "/mailhandler-uidvalidity";
    auto lock = Dotlock::take(disk, clock, path);
    if (!lock) return tl::unexpected(lock.error());
    std::uint64_t last = above;
    const auto text = disk::read_file(disk, path, 64);
    if (!text && text.error().error != ENOENT) return tl::unexpected(text.error());
    if (text) {
        std::uint64_t recorded = 0;
        std::from_chars(text->data(), text->data() + text->size(), recorded);
        last = std::max(last, recorded);
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        clock.wall().time_since_epoch());
    const std::uint64_t next =
        std::max<std::uint64_t>(last + 1, static_cast<std::uint64_t>(seconds.count()));
    if (next > std::numeric_limits<std::uint32_t>::max())
        return fail(path, "there is no UIDVALIDITY left", false);
    auto written = disk::replace_file(disk, path, fmt::format("{}\n", next));
    if (!written) return tl::unexpected(written.error());
    return static_cast<std::uint32_t>(next);
}

Uids::Uids(disk::Disk& disk, const Clock& clock, Random& random, Log log, std::string maildir,
           std::string account)
    : disk_(disk), clock_(clock), random_(random), log_(std::move(log)),
      path_(maildir + "/dovecot-uidlist"), account_(std::move(account)) {}

void Uids::clear() {
    validity_ = 0;
    next_ = 1;
    last_ = 0;
    end_ = 0;
    first_line_.clear();
    last_line_.clear();
    slots_.clear();
    count_ = 0;
}

void Uids::corrupt(std::string_view why) {
    log_.warning(fmt::format("{}: {}; all messages get new UIDs", path_, why));
    const std::uint32_t was = validity_;
    clear();
    once_ = was;
}

// --- reading -----------------------------------------------------------------------------

Result<> Uids::refresh() {
    const auto status = disk_.status(path_);
    if (!status && status.error().error == ENOENT) {
        if (validity_ != 0) corrupt("it has vanished");
        known_ = false;
        clear();
        return {};
    }
    if (!status) return tl::unexpected(status.error());
    if (known_ && same(*status, status_)) return {};
    if (known_ && validity_ != 0 && status->inode == status_.inode && status->size > end_) {
        const auto done = read_tail(status->size);
        if (!done) return tl::unexpected(done.error());
        if (*done) {
            status_ = *status;
            return {};
        }
    }
    if (auto done = read_all(); !done) return done;
    status_ = *status;
    known_ = true;
    return {};
}

Result<> Uids::read_all() {
    ++revision_;
    const auto text = disk::read_file(disk_, path_, largest_list);
    if (!text) {
        if (text.error().error != ENOENT) return tl::unexpected(text.error());
        clear();
        return {};
    }
    clear();
    UidlistReader reader(*text);
    const auto header = reader.header();
    if (!header) {
        corrupt("it is not a list of version 3");
        return {};
    }
    validity_ = header->validity;
    next_ = header->next;
    first_line_ = header->whole;
    (void)take(reader.rest(), text->size() - reader.rest().size());
    return {};
}

// Takes lines in; `begin`: where `text` begins in the file. False: the list is corrupt.
bool Uids::take(std::string_view text, std::uint64_t begin) {
    UidlistReader reader(text);
    std::string_view last;
    std::size_t passed = 0;  // malformed lines before the last good one
    while (const auto line = reader.next()) {
        if (line->uid <= last_) {
            corrupt(fmt::format("UID {} stands behind {}", line->uid, last_));
            return false;
        }
        last_ = line->uid;
        last = line->whole;
        passed = reader.malformed();
        enter(base_of(line->file), line->uid);
    }
    // Which UIDs they gave away nobody knows, and none may be given twice.
    if (reader.malformed() > passed) {
        corrupt("its last lines cannot be read");
        return false;
    }
    if (passed > 0)
        log_.warning(fmt::format("{}: {} lines cannot be read; their messages get new UIDs", path_,
                                 reader.malformed()));
    if (!last.empty()) last_line_ = last;
    end_ = begin + text.size() - reader.rest().size();
    if (last_ < last_uid) next_ = std::max(next_, last_ + 1);
    if (last_ >= last_uid || next_ > last_uid) {
        corrupt("it has no UIDs left");
        return false;
    }
    return true;
}

// What another process appended. False: it is not the file that we know, read it all.
Result<bool> Uids::read_tail(std::uint64_t size) {
    auto file = disk_.open(path_);
    if (!file) {
        if (file.error().error == ENOENT) return false;
        return tl::unexpected(file.error());
    }
    const auto piece = [&](std::uint64_t at, std::uint64_t octets) -> std::string {
        std::string text(octets, '\0');
        std::size_t done = 0;
        while (done < text.size()) {
            const auto got = (*file)->read_at(at + done, text.data() + done, text.size() - done);
            if (!got || *got == 0) return {};
            done += *got;
        }
        return text;
    };
    if (piece(0, first_line_.size()) != first_line_) return false;
    if (end_ < last_line_.size()) return false;
    const std::uint64_t begin = end_ - last_line_.size();
    const std::string text = piece(begin, size - begin);
    if (text.empty() || !text.starts_with(last_line_)) return false;
    (void)take(std::string_view(text).substr(last_line_.size()), end_);
    return true;
}

// --- the index ---------------------------------------------------------------------------

void Uids::grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(std::max<std::size_t>(16, old.size() * 2), Slot{});
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
        if (slot.uid == 0) continue;
        std::size_t at = slot.hash & mask;
        while (slots_[at].uid != 0) at = (at + 1) & mask;
        slots_[at] = slot;
    }
}

void Uids::enter(std::string_view base, Uid uid) {
    if ((count_ + 1) * 4 > slots_.size() * 3) grow();
    const std::uint64_t hash = hash_of(base);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].uid != 0 && slots_[at].hash != hash) at = (at + 1) & mask;
    if (slots_[at].uid == 0) ++count_;
    slots_[at] = {hash, uid};
}

Uid Uids::find(std::string_view base) const {
    if (slots_.empty()) return 0;
    const std::uint64_t hash = hash_of(base);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].uid != 0 && slots_[at].hash != hash) at = (at + 1) & mask;
    return slots_[at].uid;
}

// --- writing -----------------------------------------------------------------------------

Result<Dotlock> Uids::lock() {
    auto held = Dotlock::take(disk_, clock_, path_);
    if (!held) return held;
    if (auto read = refresh(); !read) return tl::unexpected(read.error());
    if (validity_ == 0) {
        if (auto made = create(); !made) return tl::unexpected(made.error());
    }
    return held;
}

Result<> Uids::create() {
    const auto validity = next_uid_validity(disk_, clock_, account_, once_);
    if (!validity) return tl::unexpected(validity.error());
    clear();
    first_line_ = fmt::format("3 V{} N1 G{:016x}{:016x}", *validity, random_.bits(), random_.bits());
    auto written = disk::replace_file(disk_, path_, first_line_ + '\n');
    if (!written) return written;
    log_.debug(fmt::format("{}: there was no list of UIDs; a new one with UIDVALIDITY {}", path_,
                          *validity));
    validity_ = *validity;
    end_ = first_line_.size() + 1;
    once_ = 0;
    return remember();
}

// The file is as we know it: the next refresh() has nothing to read.
Result<> Uids::remember() {
    const auto status = disk_.status(path_);
    if (!status) return tl::unexpected(status.error());
    status_ = *status;
    known_ = true;
    return {};
}

Result<std::vector<Uid>> Uids::assign(std::span<const std::string_view> files, Uid at_least) {
    std::vector<Uid> uids;
    uids.reserve(files.size());
    std::string lines;
    std::vector<Uid> replaced;
    Uid next = next_;
    for (const std::string_view file : files) {
        const Uid listed = find(base_of(file));
        if (listed >= std::max<Uid>(at_least, 1)) {
            uids.push_back(listed);
            continue;
        }
        if (listed != 0) replaced.push_back(listed);
        uids.push_back(next);
        lines += line_for(next++, file);
    }
    if (lines.empty()) return uids;
    const bool whole = known_ && end_ == status_.size;
    std::sort(replaced.begin(), replaced.end());
    const auto keep = [&](Uid uid) {
        return !std::binary_search(replaced.begin(), replaced.end(), uid);
    };
    Result<> done = whole && replaced.empty() ? append(lines) : rewrite(keep, lines);
    if (!done) return tl::unexpected(done.error());
    return uids;
}

Result<> Uids::append(std::string_view lines) {
    auto file = disk_.append(path_);
    if (!file) return tl::unexpected(file.error());
    Result<> done = (*file)->write(lines);
    if (done) done = (*file)->sync();
    if (!done) {
        // Nobody has heard of these UIDs. What stays of them is a torn line for the next who writes.
        (void)(*file)->truncate(end_);
        known_ = false;
        return done;
    }
    (void)take(lines, end_);
    return remember();
}

Result<> Uids::rewrite(const std::function<bool(Uid)>& keep, std::string_view more) {
    const auto text = disk::read_file(disk_, path_, largest_list);
    if (!text) return tl::unexpected(text.error());
    UidlistReader reader(*text);
    const auto header = reader.header();
    if (!header || header->validity != validity_)
        return fail(path_, "another process changed it under our lock");
    Uid next = next_;
    UidlistReader added(more);
    while (const auto line = added.next()) next = line->uid + 1;
    // The header's other fields stay, understood or not.
    std::string fresh = "3";
    std::string_view fields = header->whole.substr(1);
    while (!fields.empty()) {
        fields.remove_prefix(std::min(fields.find_first_not_of(' '), fields.size()));
        const std::string_view field = fields.substr(0, fields.find(' '));
        fields.remove_prefix(field.size());
        if (field.empty()) break;
        if (field.front() == 'N') continue;
        fresh += fmt::format(" {}", field);
        if (field.front() == 'V') fresh += fmt::format(" N{}", next);
    }
    const std::size_t header_size = fresh.size();
    fresh += '\n';
    while (const auto line = reader.next()) {
        if (keep(line->uid)) fresh += line->whole;
    }
    fresh += more;
    if (auto done = disk::replace_file(disk_, path_, fresh); !done) return done;
    const std::uint32_t validity = validity_;
    clear();
    validity_ = validity;
    next_ = next;
    first_line_ = fresh.substr(0, header_size);
    (void)take(std::string_view(fresh).substr(header_size + 1), header_size + 1);
    return remember();
}

Result<> Uids::drop(Uid below, const std::function<bool(Uid)>& living) {
    return rewrite([&](Uid uid) { return uid >= below || living(uid); }, {});
}

}  // namespace mailhandler::store
