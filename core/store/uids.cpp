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

bool same(const disk::Status& one, const disk::Status& other) {
    return one.inode == other.inode && one.size == other.size && one.modified == other.modified;
}

// "12 P1795.M1P2Q3.node :1795.M1P2Q3.node,S=5,W=5\n"
void append_line(std::string& lines, Uid uid, std::string_view base, std::string_view file) {
    char number[10];
    lines.append(number, std::to_chars(number, number + sizeof number, uid).ptr);
    lines += " P";
    if (is_uidl(base))
        lines += base;
    else
        lines += uidl_digest(base);
    lines += " :";
    lines += without_flags(file);
    lines += '\n';
}

}  // namespace

// What assign() adds to the list.
struct Uids::Added {
    std::string lines;
    std::size_t last_line = 0;           // where the last one begins
    std::vector<std::uint64_t> hashes;  // of the base names; their UIDs follow each other …
    Uid first = 0;                      // … from this one
    Uid next() const { return first + static_cast<Uid>(hashes.size()); }
};

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
    index_.clear();
    made_of_ = {};
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
        if (to_be_made()) return {};
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
        index_.enter(UidIndex::hash_of(base_of(line->file)), line->uid);
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

// --- writing -----------------------------------------------------------------------------

Result<Dotlock> Uids::lock() {
    auto held = Dotlock::take(disk_, clock_, path_);
    if (!held) return held;
    if (auto read = refresh(); !read) return tl::unexpected(read.error());
    if (validity_ == 0) {
        if (auto planned = plan(); !planned) return tl::unexpected(planned.error());
    }
    return held;
}

Result<> Uids::plan() {
    auto validity = new_uid_validity(disk_, clock_, account_, once_);
    if (!validity) return tl::unexpected(validity.error());
    clear();
    validity_ = validity->value;
    made_of_ = std::move(*validity);
    log_.debug(fmt::format("{}: there was no list of UIDs; a new one with UIDVALIDITY {}", path_,
                           validity_));
    return {};
}

// One sync carries the list, its UIDVALIDITY and their names. A corrupt list that is there is replaced
// only when the new UIDVALIDITY is durable: what it had must not be given again. Where there is none,
// nothing can be lost: a new one that a crash tears is made anew, and nobody has heard of it.
Result<> Uids::make(const Added& added) {
    const std::string header = fmt::format("3 V{} N{} G{:016x}{:016x}", validity_, added.next(),
                                           random_.bits(), random_.bits());
    const std::string maildir = path_.substr(0, path_.rfind('/'));
    const std::string whole = header + '\n' + added.lines;
    Result<> done;
    if (disk::exists(disk_, path_)) {
        disk::File* const record = made_of_.record.get();
        done = disk_.sync_together(std::span(&record, 1), std::span(&account_, 1));
        if (done) done = disk::replace_file(disk_, path_, whole);
    } else {
        auto list = disk::make_file(disk_, path_, whole);
        if (!list) return tl::unexpected(list.error());
        disk::File* const files[] = {made_of_.record.get(), list->get()};
        const std::string directories[] = {maildir, account_};
        done = disk_.sync_together(files, std::span(directories).first(maildir == account_ ? 1 : 2));
        if (!done) (void)disk_.remove(path_);  // nobody is to read what may not stay
    }
    if (!done) return done;
    made_of_ = {};
    once_ = 0;
    first_line_ = header;
    end_ = header.size() + 1;
    enter(added);
    return remember();
}

// What was written is known without being read.
void Uids::enter(const Added& added) {
    index_.reserve(index_.count() + added.hashes.size());
    Uid uid = added.first;
    for (const std::uint64_t hash : added.hashes) index_.enter(hash, uid++);
    end_ += added.lines.size();
    if (!added.hashes.empty()) {
        last_ = uid - 1;
        last_line_ = added.lines.substr(added.last_line);
    }
    next_ = uid;
    if (next_ > last_uid) corrupt("it has no UIDs left");
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
    std::vector<Uid> uids, replaced;
    uids.reserve(files.size());
    Added added;
    added.first = next_;
    for (const std::string_view file : files) {
        const std::string_view base = base_of(file);
        const std::uint64_t hash = UidIndex::hash_of(base);
        const Uid listed = index_.find(hash);
        if (listed >= std::max<Uid>(at_least, 1)) {
            uids.push_back(listed);
            continue;
        }
        if (listed != 0) replaced.push_back(listed);
        if (added.hashes.empty()) {
            added.hashes.reserve(files.size());
            added.lines.reserve(files.size() * (2 * file.size() + 20));
        }
        uids.push_back(added.next());
        added.last_line = added.lines.size();
        append_line(added.lines, added.next(), base, file);
        added.hashes.push_back(hash);
    }
    Result<> done;
    if (to_be_made()) {
        done = make(added);
    } else if (added.lines.empty()) {
        return uids;
    } else if (known_ && end_ == status_.size && replaced.empty()) {
        done = append(added);
    } else {
        std::sort(replaced.begin(), replaced.end());
        done = rewrite(
            [&](Uid uid) { return !std::binary_search(replaced.begin(), replaced.end(), uid); },
            added.lines);
    }
    if (!done) return tl::unexpected(done.error());
    return uids;
}

Result<> Uids::append(const Added& added) {
    auto file = disk_.append(path_);
    if (!file) return tl::unexpected(file.error());
    Result<> done = (*file)->write(added.lines);
    if (done) done = (*file)->sync();
    if (!done) {
        // Nobody has heard of these UIDs. What stays of them is a torn line for the next who writes.
        (void)(*file)->truncate(end_);
        known_ = false;
        return done;
    }
    enter(added);
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
