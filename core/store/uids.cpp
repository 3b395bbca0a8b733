// What is known of a list: how it is read, and followed while others write it. How it is written:
// uids_writing.cpp.
#include "store/uids.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "disk/read_fully.hpp"
#include "store/message_flags.hpp"
#include "store/uidlist.hpp"

namespace mailhandler::store {

namespace {

bool same(const disk::Status& one, const disk::Status& other) {
    return one.inode == other.inode && one.size == other.size && one.modified == other.modified;
}

}  // namespace

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
        const auto got = disk::read_fully(**file, at, text);
        if (!got || *got < octets) return {};
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

}  // namespace mailhandler::store
