#include "agent/access.hpp"

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "agent/message_file.hpp"
#include "store/maildir.hpp"
#include "store/message_flags.hpp"
#include "store/uids.hpp"

namespace mailhandler::agent {

namespace {

using pop3::Outcome;

Outcome outcome_of(const Fault& fault) {
    return fault.temporary ? Outcome::temporary : Outcome::permanent;
}

}  // namespace

pop3::Opened MaildropAccess::open(const std::string& maildir, bool dovecot) {
    close();
    maildir_ = maildir;
    freed_ = 0;
    if (!disk::exists(disk_, maildir + "/tmp")) {  // made last: a login syncs nothing otherwise
        if (auto made = store::make_maildir(disk_, maildir); !made)
            return {outcome_of(made.error()), made.error().cause, nullptr};
    }
    auto lock = disk_.lock(maildir + "/pop3.lock", false);
    if (!lock && lock.error().error == EWOULDBLOCK)
        return {Outcome::in_use, "another session has this mailbox open", nullptr};
    if (!lock) return {outcome_of(lock.error()), lock.error().cause, nullptr};
    lock_ = std::move(*lock);
    auto frozen = maildrops_.freeze(maildir, dovecot);
    if (!frozen) {
        close();
        return {outcome_of(frozen.error()), frozen.error().cause, nullptr};
    }
    maildrop_ = std::move(*frozen);
    return {Outcome::ok, {}, maildrop_};
}

// New mail is younger than the list; so is what was removed, which costs a look for nothing.
static Result<bool> may_lack_some(disk::Disk& disk, const std::string& maildir) {
    const auto list = disk.status(maildir + "/dovecot-uidlist");
    if (!list && list.error().error == ENOENT) return true;
    if (!list) return tl::unexpected(list.error());
    for (const char* directory : {"/new", "/cur"}) {
        const auto status = disk.status(maildir + directory);
        if (!status) return tl::unexpected(status.error());
        if (status->modified >= list->modified) return true;
    }
    return false;
}

Result<> MaildropAccess::list_uids(const Clock& clock, Random& random, const Log& log) {
    if (!maildrop_ || maildrop_->count() == 0) return {};
    const auto lacking = may_lack_some(disk_, maildir_);
    if (!lacking) return tl::unexpected(lacking.error());
    if (!*lacking) return {};
    std::vector<std::string_view> staying;
    for (std::size_t index = 0; index < maildrop_->count(); ++index)
        if (removed_.empty() || !removed_[index])
            staying.push_back(maildrop_->message(index).file());
    if (staying.empty()) return {};
    store::Uids uids(disk_, clock, random, log, maildir_, maildir_);
    if (auto read = uids.refresh(); !read) return read;
    const auto listed = [&](std::string_view name) { return uids.find(store::base_of(name)) != 0; };
    if (std::all_of(staying.begin(), staying.end(), listed)) return {};
    const auto lock = uids.lock();
    if (!lock) return tl::unexpected(lock.error());
    if (auto assigned = uids.assign(staying); !assigned) return tl::unexpected(assigned.error());
    return drop_vanished(uids, staying);
}

// With the list's lock held: what has gone is dropped once it is a quarter of the list, so that the
// list stays as long as its mailbox where nobody but POP3 reads it. A message that is renamed while
// its directory is read may be missed: only what neither we nor a directory at rest knows has gone.
Result<> MaildropAccess::drop_vanished(store::Uids& uids,
                                       std::span<const std::string_view> staying) {
    if (uids.count() <= 100 + staying.size() + staying.size() / 3) return {};
    const auto when = [&](const char* directory) {
        const auto status = disk_.status(maildir_ + directory);
        return status ? status->modified : WallTime{};
    };
    const WallTime fresh = when("/new"), seen = when("/cur");
    const auto now = store::list_maildir(disk_, maildir_);
    if (!now) return tl::unexpected(now.error());
    if (when("/new") != fresh || when("/cur") != seen) return {};  // another time
    std::unordered_set<store::Uid> living;
    for (const std::string_view file : staying) living.insert(uids.find(store::base_of(file)));
    for (const auto& message : *now) living.insert(uids.find(message.base()));
    if (uids.count() <= 100 + living.size() + living.size() / 3) return {};
    return uids.drop(uids.next(), [&](store::Uid uid) { return living.contains(uid); });
}

void MaildropAccess::close() {
    lock_.reset();
    maildrop_.reset();
    removed_ = {};
    moved_.reset();
    looked_ = false;
}

const store::MaildirListing::Message& MaildropAccess::message(std::size_t index) const {
    const auto& frozen = maildrop_->message(index);
    const auto* moved = moved_ ? moved_->find(frozen.base()) : nullptr;
    return moved ? *moved : frozen;
}

std::string MaildropAccess::path(std::size_t index) const {
    const auto& at = message(index);
    std::string path = maildir_;
    path += at.in_new() ? "/new/" : "/cur/";
    path += at.file();
    return path;
}

// The directory is listed once for a question, however many messages have moved.
bool MaildropAccess::find_again(std::size_t index) {
    if (!std::exchange(looked_, true)) {
        auto messages = store::list_maildir(disk_, maildir_);
        if (!messages) return false;
        moved_ = std::move(*messages);
    }
    return moved_ && moved_->find(maildrop_->message(index).base()) != nullptr;
}

Result<std::shared_ptr<wire::Body>> MaildropAccess::open_body(std::size_t index) {
    auto body = open_message(disk_, path(index));
    if (body || body.error().error != ENOENT || !find_again(index)) return body;
    return open_message(disk_, path(index));
}

pop3::Contents MaildropAccess::load(const pop3::Load& load) {
    looked_ = false;
    pop3::Contents contents;
    contents.contents.reserve(load.wanted.size());
    for (const auto& wanted : load.wanted) contents.contents.push_back(content(wanted));
    return contents;
}

pop3::Content MaildropAccess::content(const pop3::Wanted& wanted) {
    auto body = open_body(wanted.index);
    if (!body && body.error().error == ENOENT) return {nullptr, 0, Outcome::ok, {}};
    if (!body) return {nullptr, 0, outcome_of(body.error()), body.error().cause};
    const auto size = store::size_in_name(maildrop_->message(wanted.index).file(), 'S');
    // After a power cut a file of another program may be shorter than it was meant to be.
    if (size && *size != (*body)->size())
        return {nullptr, 0, Outcome::temporary, "the file has another size than its name says"};
    std::uint64_t length = (*body)->size();
    if (wanted.lines) {
        const auto top = top_of(**body, *wanted.lines);
        if (!top) return {nullptr, 0, outcome_of(top.error()), top.error().cause};
        length = *top;
    }
    return {std::move(*body), length, Outcome::ok, {}};
}

Result<> MaildropAccess::unlink(std::size_t index) {
    auto removed = disk_.remove(path(index));
    if (removed || removed.error().error != ENOENT) return removed;
    if (!find_again(index)) return {};  // somebody else removed it
    removed = disk_.remove(path(index));
    if (!removed && removed.error().error == ENOENT) return {};
    return removed;
}

pop3::Removed MaildropAccess::remove(const pop3::Remove& remove) {
    looked_ = false;
    pop3::Removed result;
    bool touched[2] = {false, false};  // cur/, new/
    for (const std::uint32_t index : remove.indexes) {
        if (auto removed = unlink(index); !removed) {
            ++result.failed;
            result.text = removed.error().cause;
            continue;
        }
        removed_.resize(maildrop_->count());
        removed_[index] = true;
        touched[message(index).in_new()] = true;
        const auto size = store::size_in_name(maildrop_->message(index).file(), 'S');
        freed_ += size.value_or(maildrop_->size(index));
    }
    for (const bool in_new : {false, true}) {
        if (!touched[in_new]) continue;
        auto synced = disk_.sync_directory(maildir_ + (in_new ? "/new" : "/cur"));
        if (synced) continue;
        // Gone for now, but a power cut may bring them back: that is not removed.
        result.failed = remove.indexes.size();
        result.text = synced.error().cause;
    }
    return result;
}

}  // namespace mailhandler::agent
