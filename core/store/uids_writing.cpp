// How UIDs are given, and the list is written: made, appended to, written anew. With its lock held,
// so what is known of the file is all of it.
#include <fmt/format.h>

#include <algorithm>

#include "store/message_flags.hpp"
#include "store/uidlist.hpp"
#include "store/uids.hpp"

namespace mailhandler::store {

// What assign() adds to the list.
struct Uids::Added {
    explicit Added(Uid next_uid) : first(next_uid) {}

    std::string lines;
    std::size_t last_line = 0;          // where the last one begins
    std::vector<std::uint64_t> hashes;  // of the base names; their UIDs follow each other …
    const Uid first;                    // … from this one
    Uid next() const { return first + static_cast<Uid>(hashes.size()); }

    // For so many files with names about so long.
    void reserve(std::size_t files, std::size_t name) {
        hashes.reserve(files);
        lines.reserve(files * (2 * name + 20));
    }
    // Its UID is next().
    void add(std::uint64_t hash, std::string_view base, std::string_view file) {
        last_line = lines.size();
        append_uidlist_line(lines, next(), base, file);
        hashes.push_back(hash);
    }
};

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

// One sync carries the list, its UIDVALIDITY and their names. A corrupt list that is there is
// replaced only when the new UIDVALIDITY is durable: what it had must not be given again. Where
// there is none, nothing can be lost: a new one that a crash tears is made anew, and nobody has
// heard of it.
Result<> Uids::make(const Added& added) {
    const std::string header =
        uidlist_header(validity_, added.next(), random_.bits(), random_.bits());
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
        done =
            disk_.sync_together(files, std::span(directories).first(maildir == account_ ? 1 : 2));
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
    Added added(next_);
    for (const std::string_view file : files) {
        const std::string_view base = base_of(file);
        const std::uint64_t hash = UidIndex::hash_of(base);
        const Uid listed = index_.find(hash);
        if (listed >= std::max<Uid>(at_least, 1)) {
            uids.push_back(listed);
            continue;
        }
        if (listed != 0) replaced.push_back(listed);
        if (added.hashes.empty()) added.reserve(files.size(), file.size());
        uids.push_back(added.next());
        added.add(hash, base, file);
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
            added);
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
        // Nobody has heard of these UIDs. What stays of them is a torn line for the next who
        // writes.
        (void)(*file)->truncate(end_);
        known_ = false;
        return done;
    }
    enter(added);
    return remember();
}

// A new file, of the entries that are there and are to stay, and of what is added.
Result<> Uids::rewrite(const std::function<bool(Uid)>& keep, const Added& added) {
    const auto text = disk::read_file(disk_, path_, largest_list);
    if (!text) return tl::unexpected(text.error());
    UidlistReader reader(*text);
    const auto header = reader.header();
    if (!header || header->validity != validity_)
        return fail(path_, "another process changed it under our lock");
    const Uid next = added.next();
    std::string fresh = with_next_uid(header->whole, next);
    const std::size_t header_size = fresh.size();
    fresh += '\n';
    while (const auto line = reader.next()) {
        if (keep(line->uid)) fresh += line->whole;
    }
    fresh += added.lines;
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
    return rewrite([&](Uid uid) { return uid >= below || living(uid); }, Added(next_));
}

}  // namespace mailhandler::store
