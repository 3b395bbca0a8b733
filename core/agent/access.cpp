#include "agent/access.hpp"

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "agent/message_file.hpp"
#include "store/uidlist.hpp"
#include "store/uids.hpp"

namespace mailhandler::agent {

namespace {

using pop3::Outcome;

Outcome outcome_of(const Fault& fault) {
    return fault.temporary ? Outcome::temporary : Outcome::permanent;
}

bool by_base(const store::MessageName& one, const store::MessageName& other) {
    return one.base < other.base;
}

// A list of a million messages has some 100 MiB; one that is larger is not read at all.
constexpr std::uint64_t uidlist_limit = 256ull << 20;

// Two files of one base name, or two lines of one UIDL (another program's doing), must not share one.
std::string uidl_of(const store::MessageName& name, const std::optional<store::Uidlist>& list,
                    std::unordered_set<std::string>& taken) {
    const auto listed = list ? list->uidl(name.base) : std::nullopt;
    std::string uidl = store::uidl_of_base(listed.value_or(name.base));
    for (int twin = 2; !taken.insert(uidl).second; ++twin)
        uidl = store::uidl_digest(name.base + '#' + std::to_string(twin));
    return uidl;
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
    if (auto frozen = freeze(dovecot); !frozen) {
        close();
        return {outcome_of(frozen.error()), frozen.error().cause, nullptr};
    }
    return {Outcome::ok, {}, maildrop_};
}

Result<> MaildropAccess::freeze(bool dovecot) {
    auto messages = store::list_maildir(disk_, maildir_);
    if (!messages) return tl::unexpected(messages.error());
    std::string listed;
    std::optional<store::Uidlist> list;
    if (dovecot) {
        listed = disk::read_file(disk_, maildir_ + "/dovecot-uidlist", uidlist_limit).value_or("");
        list = store::Uidlist::parse(listed);
    }
    auto maildrop = std::make_shared<pop3::Maildrop>();
    std::unordered_set<std::string> taken;
    taken.reserve(messages->size());
    std::size_t octets = 0;
    for (const auto& message : *messages) octets += message.file.size();
    files_.reserve(octets);
    maildrop->reserve(messages->size(), octets);
    begins_.reserve(messages->size() + 1);
    for (const auto& message : *messages) {
        std::uint64_t size = message.wire.value_or(0);
        if (!message.wire) {
            const auto counted =
                wire_size(disk_, maildir_ + (message.in_new ? "/new/" : "/cur/") + message.file);
            if (!counted) continue;  // it moved on or cannot be read: the next login sees it again
            size = *counted;
        }
        maildrop->add(uidl_of(message, list, taken), size);
        begins_.push_back(files_.size());
        files_ += message.file;
        in_new_.push_back(message.in_new);
    }
    begins_.push_back(files_.size());
    removed_.assign(in_new_.size(), false);
    maildrop_ = std::move(maildrop);
    return {};
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
    std::vector<std::string_view> staying;
    for (std::size_t index = 0; index < removed_.size(); ++index)
        if (!removed_[index]) staying.push_back(file(index));
    if (staying.empty()) return {};
    const auto lacking = may_lack_some(disk_, maildir_);
    if (!lacking) return tl::unexpected(lacking.error());
    if (!*lacking) return {};
    store::Uids uids(disk_, clock, random, log, maildir_, maildir_);
    if (auto read = uids.refresh(); !read) return read;
    const auto listed = [&](std::string_view name) {
        return uids.find(store::parse_message_name(name)->base) != 0;
    };
    if (std::all_of(staying.begin(), staying.end(), listed)) return {};
    const auto lock = uids.lock();
    if (!lock) return tl::unexpected(lock.error());
    if (auto assigned = uids.assign(staying); !assigned) return tl::unexpected(assigned.error());
    return {};
}

void MaildropAccess::close() {
    lock_.reset();
    maildrop_.reset();
    files_ = {};
    begins_ = {};
    in_new_ = {};
    removed_ = {};
    moved_ = {};
    looked_ = false;
}

std::string_view MaildropAccess::file(std::size_t index) const {
    return std::string_view(files_).substr(begins_[index], begins_[index + 1] - begins_[index]);
}

// Where it was frozen, or where find_again() has seen it since.
MaildropAccess::Whereabouts MaildropAccess::where(std::size_t index) const {
    if (!moved_.empty()) {
        const auto parsed = store::parse_message_name(file(index));
        const auto found = std::lower_bound(moved_.begin(), moved_.end(), *parsed, by_base);
        if (found != moved_.end() && found->base == parsed->base)
            return {found->in_new, found->file};
    }
    return {in_new_[index], std::string(file(index))};
}

std::string MaildropAccess::path(std::size_t index) const {
    const Whereabouts at = where(index);
    return maildir_ + (at.in_new ? "/new/" : "/cur/") + at.file;
}

// The directory is listed once for a question, however many messages have moved.
bool MaildropAccess::find_again(std::size_t index) {
    if (!std::exchange(looked_, true)) {
        auto messages = store::list_maildir(disk_, maildir_);
        if (!messages) return false;
        moved_ = std::move(*messages);
        std::stable_sort(moved_.begin(), moved_.end(), by_base);
    }
    const auto parsed = store::parse_message_name(file(index));
    return std::binary_search(moved_.begin(), moved_.end(), *parsed, by_base);
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
    const auto name = store::parse_message_name(file(wanted.index));
    // After a power cut a file of another program may be shorter than it was meant to be.
    if (name->size && *name->size != (*body)->size())
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
        removed_[index] = true;
        touched[where(index).in_new] = true;
        const auto name = store::parse_message_name(file(index));
        freed_ += name->size.value_or(maildrop_->size(index));
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
