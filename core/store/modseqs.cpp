#include "store/modseqs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "store/checksum.hpp"

namespace mailhandler::store {

namespace {

constexpr std::uint32_t magic = 0x3253484d;     // "MHS2"
constexpr std::size_t least_to_compact = 1000;  // records

// As they lie in memory: another byte order has another magic.
struct Header {
    std::uint32_t magic_number = magic;
    std::uint32_t uid_validity = 0;
    ModSeq highest = 0, floor = 0;
    std::uint64_t run = 0;  // of the machine
    std::uint32_t checksum = 0, reserved = 0;
};
enum class What : std::uint32_t { seen, gone, mailbox };
struct Record {
    ModSeq modseq = 0;
    Uid uid = 0;
    Flags flags = 0;
    What what = What::seen;
    std::uint32_t checksum = 0;
};

template <class Plain>
std::string sealed(Plain plain) {
    plain.checksum = 0;
    plain.checksum = crc32(octets_of(plain));
    return std::string(octets_of(plain));
}

// Cuts one off the front of `text`; false where it is not whole.
template <class Plain>
bool take(std::string_view& text, Plain& into) {
    if (text.size() < sizeof into) return false;
    std::memcpy(&into, text.data(), sizeof into);
    Plain copy = into;
    copy.checksum = 0;
    if (crc32(octets_of(copy)) != into.checksum) return false;
    text.remove_prefix(sizeof into);
    return true;
}

}  // namespace

ModSeqs::ModSeqs(disk::Disk& disk, const Clock& clock, Log log, const std::string& maildir)
    : disk_(disk), clock_(clock), log_(std::move(log)), path_(maildir + "/mailhandler-modseq") {}

ModSeq ModSeqs::next() {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.wall().time_since_epoch());
    highest_ = std::max<ModSeq>(highest_ + 1, static_cast<ModSeq>(now.count()));
    return highest_;
}

std::vector<ModSeqs::Seen> ModSeqs::load(std::uint32_t uid_validity) {
    gone_.clear();
    kept_ = false;
    records_ = 0;
    uid_validity_ = uid_validity;
    const auto text = disk::read_file(disk_, path_);
    std::string_view rest = text ? std::string_view(*text) : std::string_view();
    Header header;
    const bool ours =
        take(rest, header) && header.magic_number == magic && header.uid_validity == uid_validity;
    if (ours) highest_ = std::max(highest_, header.highest);
    std::vector<Seen> seen;
    for (Record record; ours && take(rest, record); ++records_) {
        highest_ = std::max(highest_, record.modseq);
        if (record.what == What::seen) seen.push_back({record.uid, record.flags, record.modseq});
        if (record.what == What::gone) gone_.push_back({record.uid, record.modseq});
    }
    kept_ = ours && rest.empty() && disk_.run() != 0 && header.run == disk_.run();
    if (!kept_) {
        if (text) (void)disk_.remove(path_);
        gone_.clear();
        floor_ = next();
        return {};
    }
    floor_ = header.floor;
    // The last record of a message counts, and none of those that have gone.
    const auto by_uid = [](const Seen& one, const Seen& other) { return one.uid < other.uid; };
    std::stable_sort(seen.begin(), seen.end(), by_uid);
    const auto kept = std::unique(seen.rbegin(), seen.rend(),
                                  [](auto& one, auto& other) { return one.uid == other.uid; });
    seen.erase(seen.begin(), kept.base());
    std::vector<Uid> gone;
    for (const Gone& each : gone_) gone.push_back(each.uid);
    std::sort(gone.begin(), gone.end());
    std::erase_if(seen, [&](const Seen& each) {
        return std::binary_search(gone.begin(), gone.end(), each.uid);
    });
    return seen;
}

std::vector<ModSeqs::Seen> ModSeqs::seen_in(const MessageList& list) {
    std::vector<Seen> seen;
    seen.reserve(list.messages.size());
    for (const ListedMessage& each : list.messages)
        seen.push_back({each.uid, each.flags, each.modseq});
    return seen;
}

std::size_t ModSeqs::stamp(MessageList& list, const std::vector<Seen>& known) {
    std::vector<Seen> different;
    std::vector<Uid> gone;
    ModSeq modseq = 0;  // of all of them; 0: nothing differs
    const auto fresh = [&] {
        if (modseq == 0) modseq = next();
        return modseq;
    };
    auto old = known.begin();
    for (ListedMessage& each : list.messages) {
        for (; old != known.end() && old->uid < each.uid; ++old) gone.push_back(old->uid);
        const bool there = old != known.end() && old->uid == each.uid;
        if (there && old->flags == each.flags) {
            each.modseq = old->modseq;
        } else {
            each.modseq = fresh();
            different.push_back({each.uid, each.flags, each.modseq});
        }
        if (there) ++old;
    }
    for (; old != known.end(); ++old) gone.push_back(old->uid);
    changed(std::move(different));
    if (!gone.empty()) vanished(gone, fresh());
    return gone.size();
}

void ModSeqs::append(const std::string& records) {
    if (!kept_ || records.empty()) return;
    auto file = disk_.append(path_);
    Result<> done = file ? (*file)->write(records) : Result<>(tl::unexpected(file.error()));
    records_ += records.size() / sizeof(Record);
    if (done) return;
    // Without it nobody is told anything wrong, only more than needed.
    log_.warning(done.error().text());
    (void)disk_.remove(path_);
    kept_ = false;
}

void ModSeqs::changed(std::vector<Seen> messages) {
    if (!kept_) return;
    std::string records;
    for (const Seen& each : messages)
        records += sealed(Record{each.modseq, each.uid, each.flags, What::seen, 0});
    append(records);
}

void ModSeqs::vanished(const std::vector<Uid>& uids, ModSeq modseq) {
    std::string records;
    for (const Uid uid : uids) {
        gone_.push_back({uid, modseq});
        if (kept_) records += sealed(Record{modseq, uid, 0, What::gone, 0});
    }
    append(records);
    if (gone_.size() > most_gone) forget_oldest();
}

void ModSeqs::mailbox_changed(ModSeq modseq) {
    append(sealed(Record{modseq, 0, 0, What::mailbox, 0}));
}

void ModSeqs::forget_oldest() {
    const std::size_t drop = gone_.size() - kept_gone;
    floor_ = std::max(floor_, gone_[drop - 1].modseq);
    gone_.erase(gone_.begin(), gone_.begin() + static_cast<std::ptrdiff_t>(drop));
    records_ = 1u << 30;
}

void ModSeqs::keep(const MessageList& list) {
    if (!kept_) rewrite(list);
}

void ModSeqs::compact(const MessageList& list) {
    if (kept_ && records_ > least_to_compact + 2 * (list.messages.size() + gone_.size()))
        rewrite(list);
}

void ModSeqs::rewrite(const MessageList& list) {
    std::string text = sealed(Header{magic, uid_validity_, highest_, floor_, disk_.run(), 0, 0});
    text.reserve(text.size() + (gone_.size() + list.messages.size()) * sizeof(Record));
    for (const Gone& each : gone_) text += sealed(Record{each.modseq, each.uid, 0, What::gone, 0});
    for (const ListedMessage& each : list.messages)
        text += sealed(Record{each.modseq, each.uid, each.flags, What::seen, 0});
    const std::string fresh = path_ + ".tmp";
    (void)disk_.remove(fresh);
    auto file = disk_.create(fresh, 0600);
    Result<> done = file ? (*file)->write(text) : Result<>(tl::unexpected(file.error()));
    if (done) done = disk_.rename(fresh, path_);
    kept_ = done.has_value();
    records_ = gone_.size() + list.messages.size();
    if (done) return;
    log_.warning(done.error().text());
    (void)disk_.remove(fresh);
}

std::optional<std::vector<Uid>> ModSeqs::vanished_since(ModSeq since) const {
    if (since < floor_) return {};
    const auto first =
        std::upper_bound(gone_.begin(), gone_.end(), since,
                         [](ModSeq wanted, const Gone& each) { return wanted < each.modseq; });
    std::vector<Uid> uids;
    for (auto each = first; each != gone_.end(); ++each) uids.push_back(each->uid);
    std::sort(uids.begin(), uids.end());
    uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
    return uids;
}

}  // namespace mailhandler::store
