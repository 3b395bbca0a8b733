#include "store/mail_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "disk/read_fully.hpp"
#include "store/checksum.hpp"

namespace mailhandler::store {

namespace {

constexpr std::uint32_t magic = 0x3143484d;  // "MHC1"
constexpr std::size_t window_size = 256 * 1024;
constexpr std::size_t most_pending = 256 * 1024;
constexpr std::size_t largest_value = std::size_t(1) << 20;
constexpr std::size_t most_added = 1024;  // places, before they are put among the others
constexpr std::size_t least_to_compact = std::size_t(1) << 20;

// Both lie in the file as they lie in memory: a file of another machine's byte order has another
// magic and is begun anew.
struct Header {
    std::uint32_t magic_number = magic, version = 0, uid_validity = 0, reserved = 0;
};
struct Record {
    std::uint32_t uid = 0;
    std::uint32_t length : 24 = 0;
    std::uint32_t kind : 8 = 0;
    std::uint32_t checksum = 0;  // of the value and the two above
};

std::uint32_t checksum(const Record& record, std::string_view value) {
    return crc32(value, crc32(octets_of(record).substr(0, 2 * sizeof(std::uint32_t))));
}

}  // namespace

// By UID and kind; of equals the later one counts.
bool MailCache::Place::operator<(const Place& other) const {
    return uid != other.uid ? uid < other.uid : kind < other.kind;
}

MailCache::MailCache(disk::Disk& disk, Log log, std::string maildir, std::uint32_t uid_validity,
                     std::uint32_t version)
    : disk_(disk), log_(std::move(log)), path_(maildir + "/mailhandler-cache"),
      uid_validity_(uid_validity), version_(version) {}

MailCache::~MailCache() { write_pending(); }

void MailCache::complain(const Fault& fault) {
    if (!std::exchange(complained_, true)) log_.warning(fault.text());
}

// Reads [at, at + size) by way of the window. False: it is not all there.
bool MailCache::read(std::uint64_t at, char* into, std::size_t size) {
    if (at + size > size_) return false;
    if (at < window_at_ || at + size > window_at_ + window_.size()) {
        window_.resize(std::max(window_size, size));
        const auto got = disk::read_fully(*file_, at, window_);
        if (!got) {
            complain(got.error());
            window_.clear();
            return false;
        }
        window_.resize(*got);
        window_at_ = at;
        if (*got < size) return false;
    }
    std::memcpy(into, window_.data() + (at - window_at_), size);
    return true;
}

void MailCache::open() {
    if (std::exchange(opened_, true)) return;
    auto file = disk_.append(path_, 0600);
    if (!file) return complain(file.error());
    file_ = std::move(*file);
    const auto size = file_->size();
    if (!size) {
        file_.reset();
        return complain(size.error());
    }
    size_ = *size;
    Header header;
    const Header wanted{magic, version_, uid_validity_, 0};
    const bool ours = read(0, reinterpret_cast<char*>(&header), sizeof header) &&
                      std::memcmp(&header, &wanted, sizeof header) == 0;
    if (!ours) return begin_anew(octets_of(wanted));
    std::uint64_t at = sizeof header;
    Record record;
    while (read(at, reinterpret_cast<char*>(&record), sizeof record)) {
        const std::uint64_t end = at + sizeof record + record.length;
        if (record.uid == 0 || end > size_) break;
        places_.push_back({record.uid, record.length, record.kind, at});
        at = end;
    }
    if (at != size_) cut(at);
    put_in_order();
}

void MailCache::put_in_order() {
    std::stable_sort(places_.begin(), places_.end());
    // The last of each run of equals stays.
    const auto kept = std::unique(places_.rbegin(), places_.rend(), [](auto& one, auto& other) {
        return one.uid == other.uid && one.kind == other.kind;
    });
    places_.erase(places_.begin(), kept.base());
}

// What stands behind a torn record is not understood any more.
void MailCache::cut(std::uint64_t size) {
    window_.clear();
    if (auto done = file_->truncate(size); !done) {
        complain(done.error());
        file_.reset();
    }
    size_ = size;
}

void MailCache::begin_anew(std::string_view header) {
    places_.clear();
    added_.clear();
    cut(0);
    if (!file_) return;
    if (auto done = file_->write(header); !done) {
        complain(done.error());
        file_.reset();
        return;
    }
    size_ = header.size();
}

// Puts what was added lately among the others.
void MailCache::merge_added() {
    std::vector<Place> merged;
    merged.reserve(places_.size() + added_.size());
    // Of equals the later one counts: set_union takes from its first range.
    std::set_union(added_.begin(), added_.end(), places_.begin(), places_.end(),
                   std::back_inserter(merged));
    places_ = std::move(merged);
    added_.clear();
}

void MailCache::note(const Place& place) {
    const auto found = std::lower_bound(added_.begin(), added_.end(), place);
    if (found != added_.end() && !(place < *found)) {
        *found = place;
    } else {
        added_.insert(found, place);
    }
    if (added_.size() >= most_added) merge_added();
}

std::optional<std::string> MailCache::value(const Place& place) {
    Record record;
    std::string text(place.length, '\0');
    if (place.at >= size_) {  // still in memory
        const std::size_t begin = place.at - size_ + sizeof record;
        return pending_.substr(begin, place.length);
    }
    if (!file_ || !read(place.at, reinterpret_cast<char*>(&record), sizeof record) ||
        !read(place.at + sizeof record, text.data(), text.size()) || record.uid != place.uid ||
        record.checksum != checksum(record, text)) {
        return {};
    }
    return text;
}

std::optional<std::string> MailCache::find(Uid uid, std::uint8_t kind) {
    const std::scoped_lock guard(mutex_);
    open();
    const Place wanted{uid, 0, kind, 0};
    for (const auto* places : {&added_, &places_}) {
        const auto found = std::lower_bound(places->begin(), places->end(), wanted);
        if (found != places->end() && !(wanted < *found)) return value(*found);
    }
    return {};
}

void MailCache::add(Uid uid, std::uint8_t kind, std::string_view text) {
    if (text.size() >= largest_value || uid == 0) return;
    const std::scoped_lock guard(mutex_);
    open();
    if (!file_) return;
    Record record;
    record.uid = uid;
    record.length = static_cast<std::uint32_t>(text.size()) & 0xFFFFFF;
    record.kind = kind;
    record.checksum = checksum(record, text);
    note({uid, record.length, kind, size_ + pending_.size()});
    pending_ += octets_of(record);
    pending_ += text;
    if (pending_.size() >= most_pending) write_pending();
}

void MailCache::flush() {
    const std::scoped_lock guard(mutex_);
    write_pending();
}

void MailCache::write_pending() {
    if (pending_.empty() || !file_) return;
    const auto written = file_->write(pending_);
    if (written) {
        size_ += pending_.size();
    } else {  // half of it may be there: the places behind are not
        complain(written.error());
        const auto lost = [&](const Place& place) { return place.at >= size_; };
        std::erase_if(places_, lost);
        std::erase_if(added_, lost);
        cut(size_);
    }
    pending_.clear();
}

void MailCache::compact(const MessageList& living) {
    const std::scoped_lock guard(mutex_);
    if (!opened_ || !file_ || size_ < least_to_compact) return;
    write_pending();
    merge_added();
    std::vector<Place> kept;
    std::uint64_t octets = 0;
    for (const Place& place : places_) {
        if (!living.find(place.uid)) continue;
        kept.push_back(place);
        octets += sizeof(Record) + place.length;
    }
    if (octets * 2 > size_) return;
    rewrite(kept);
}

// A new file beside the old one, renamed over it. Nothing is synced: a power cut may leave less than
// was there, and the checksums tell.
void MailCache::rewrite(const std::vector<Place>& kept) {
    const std::string fresh = path_ + ".tmp";
    (void)disk_.remove(fresh);
    auto file = disk_.create(fresh, 0600);
    if (!file) return complain(file.error());
    std::vector<Place> places;
    std::string text(octets_of(Header{magic, version_, uid_validity_, 0}));
    std::uint64_t size = 0;
    Result<> done;
    for (const Place& place : kept) {
        const auto found = value(place);
        if (!found) continue;
        Record record{place.uid, place.length, place.kind, 0};
        record.checksum = checksum(record, *found);
        places.push_back({place.uid, place.length, place.kind, size + text.size()});
        text += octets_of(record);
        text += *found;
        if (text.size() < most_pending) continue;
        if (done = (*file)->write(text); !done) break;
        size += text.size();
        text.clear();
    }
    if (done) done = (*file)->write(text);
    size += text.size();
    if (done) done = disk_.rename(fresh, path_);
    if (!done) {
        (void)disk_.remove(fresh);
        return complain(done.error());
    }
    file_ = std::move(*file);
    size_ = size;
    places_ = std::move(places);
    window_.clear();
}

}  // namespace mailhandler::store
