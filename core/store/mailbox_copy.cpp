// What comes into a mailbox by IMAP: COPY, MOVE, APPEND. Under the lock of its UIDs, so that no other
// process gives them first.
//
//     copy     link (or copy and sync) every message into tmp/ under a new name
//              lock the UIDs; rename each into cur/; sync cur/; append their UIDs, sync; unlock
//     move     then remove the originals, sync: a crash leaves both, never none
#include <algorithm>
#include <cerrno>

#include "store/mailbox_state.hpp"

namespace mailhandler::store {

namespace {

bool cannot_link(int error) {
    return error == EXDEV || error == EPERM || error == EMLINK || error == EOPNOTSUPP ||
           error == ENOSYS;
}

Result<> copy_content(disk::Disk& disk, const std::string& from, const std::string& to) {
    auto source = disk.open(from);
    if (!source) return tl::unexpected(source.error());
    const auto size = (*source)->size();
    if (!size) return tl::unexpected(size.error());
    const auto status = disk.status(from);
    auto file = disk.create(to, 0600);
    if (!file) return tl::unexpected(file.error());
    Result<> done = (*file)->append_from(**source, 0, *size);
    if (done && status) done = (*file)->set_modified(status->modified);
    if (done) done = (*file)->sync();
    if (!done) (void)disk.remove(to);
    return done;
}

Result<> link_or_copy(disk::Disk& disk, const std::string& from, const std::string& to) {
    auto linked = disk.link(from, to);
    if (linked || !cannot_link(linked.error().error)) return linked;
    return copy_content(disk, from, to);
}

}  // namespace

// Removes what did not become visible, and, where all failed, what did.
struct Mailbox::Arrivals {
    // A message on its way: under its new name in tmp/, later in cur/.
    struct Underway {
        Uid from = 0;
        std::string file;  // its name in tmp/
        Flags flags = 0;
        std::uint64_t octets = 0;
        bool placed = false;
    };

    MailboxMeans& means;
    const std::string maildir;
    std::vector<Underway> messages;
    bool kept = false;

    std::string tmp(const Underway& each) const { return maildir + "/tmp/" + each.file; }
    std::string cur(const Underway& each) const {
        return maildir + "/cur/" + with_flags(each.file, each.flags);
    }
    ~Arrivals() {
        if (kept) return;
        for (const Underway& each : messages)
            (void)means.disk.remove(each.placed ? cur(each) : tmp(each));
    }
};

Result<> Mailbox::gather(Mailbox& from, std::span<const Uid> uids, Arrivals& into) {
    MessageListPointer list;
    {
        const std::scoped_lock guard(from.state_->mutex);
        auto current = from.state_->refresh(Look::cheap);
        if (!current) return tl::unexpected(current.error());
        list = *current;
    }
    for (const Uid uid : uids) {
        const ListedMessage* message = list->find(uid);
        if (!message) continue;
        Arrivals::Underway copy;
        copy.from = uid;
        const std::string_view name = without_flags(list->file(*message));
        copy.file = into.means.names.next() + std::string(name.substr(base_of(name).size()));
        auto linked = link_or_copy(into.means.disk, list->path(*message), into.tmp(copy));
        if (!linked && linked.error().error == ENOENT) {
            const std::scoped_lock guard(from.state_->mutex);
            auto current = from.state_->look_again();
            if (!current) return tl::unexpected(current.error());
            list = *current;
            message = list->find(uid);
            if (!message) continue;
            linked = link_or_copy(into.means.disk, list->path(*message), into.tmp(copy));
            if (!linked && linked.error().error == ENOENT) continue;
        }
        if (!linked) return linked;
        copy.flags = message->flags;
        copy.octets = list->file_size(*message).value_or(0);
        into.messages.push_back(std::move(copy));
    }
    // Keywords have other letters there, or none any more.
    return translate(*list->keywords, into);
}

Result<> Mailbox::translate(const std::vector<std::string>& names, Arrivals& into) {
    const std::scoped_lock guard(state_->mutex);
    for (auto& each : into.messages) {
        std::vector<std::string> wanted;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (each.flags >> (first_keyword_bit + i) & 1 && !names[i].empty())
                wanted.push_back(names[i]);
        each.flags &= (Flags{1} << first_keyword_bit) - 1;
        if (wanted.empty()) continue;
        auto bits = state_->keywords.flags(wanted, true);
        // No letter is left there: without it. A disk that is full is another matter.
        if (!bits && bits.error().error == ENOSPC && !bits.error().temporary)
            bits = state_->keywords.flags(wanted, false);
        if (!bits) return tl::unexpected(bits.error());
        each.flags |= *bits;
    }
    return {};
}

// Into cur/, durably, with UIDs.
Result<std::vector<Uid>> Mailbox::place(Arrivals& arrivals) {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    std::optional<Dotlock> held;
    if (auto done = state.lock_uids(held); !done) return tl::unexpected(done.error());
    // What others brought meanwhile has lower UIDs, and must be in the list before.
    if (auto list = state.refresh(Look::cheap, held); !list) return tl::unexpected(list.error());
    const bool was_clean = state.seen.clean();
    for (auto& each : arrivals.messages) {
        const auto renamed = means_.disk.rename_new(arrivals.tmp(each), arrivals.cur(each));
        if (!renamed) return tl::unexpected(renamed.error());
        each.placed = true;
    }
    state.seen.changed_by_us(was_clean);
    if (auto synced = state.sync(true, false); !synced) return tl::unexpected(synced.error());
    std::vector<std::string_view> files;
    for (const auto& each : arrivals.messages) files.push_back(each.file);
    auto uids = state.uids.assign(files);
    if (!uids) return uids;
    arrivals.kept = true;
    std::vector<State::Placed> placed;
    for (std::size_t i = 0; i < files.size(); ++i)
        placed.push_back({with_flags(files[i], arrivals.messages[i].flags),
                          arrivals.messages[i].flags, (*uids)[i]});
    state.insert(placed);
    return uids;
}

Result<Mailbox::Copied> Mailbox::copy(Mailbox& from, std::span<const Uid> uids, Mailbox& to,
                                      bool move) {
    std::unique_lock<std::mutex> alone(from.state_->moving, std::defer_lock);
    if (move) alone.lock();
    Arrivals arrivals{to.means_, to.maildir_, {}, false};
    if (auto gathered = to.gather(from, uids, arrivals); !gathered)
        return tl::unexpected(gathered.error());
    auto placed = to.place(arrivals);
    if (!placed) return tl::unexpected(placed.error());
    Copied copied;
    copied.to = std::move(*placed);
    for (const auto& each : arrivals.messages) {
        copied.from.push_back(each.from);
        copied.octets += each.octets;
    }
    {
        const std::scoped_lock guard(to.state_->mutex);
        copied.uid_validity = to.state_->list->uid_validity;
    }
    if (move) {
        auto removed = from.expunge(copied.from);
        if (!removed) return tl::unexpected(removed.error());
    }
    return copied;
}

Result<Delivery> Mailbox::prepare(Flags system, std::span<const std::string> keywords,
                                  std::optional<WallTime> internal_date,
                                  std::span<const std::string_view> parts, disk::File* spilled) {
    const std::scoped_lock guard(state_->mutex);
    const auto bits = state_->keywords.flags(keywords, true);
    if (!bits) return tl::unexpected(bits.error());
    const Delivery::Placing placing{letters_of(system | *bits), internal_date};
    return Delivery::write(means_.disk, maildir_, means_.names.next(), parts, spilled, {},
                           &placing);
}

Result<Mailbox::Appended> Mailbox::append(std::vector<Delivery> deliveries) {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    Appended appended;
    std::vector<std::string> names;
    for (const Delivery& each : deliveries) {
        names.push_back(disk::file_name(each.path()));
        appended.octets += each.size();
    }
    std::optional<Dotlock> held;
    if (auto done = state.lock_uids(held); !done) return tl::unexpected(done.error());
    if (auto list = state.refresh(Look::cheap, held); !list) return tl::unexpected(list.error());
    const bool was_clean = state.seen.clean();
    if (auto done = means_.store.commit(std::move(deliveries)); !done)
        return tl::unexpected(done.error());
    state.seen.changed_by_us(was_clean);
    appended.uid_validity = state.list->uid_validity;
    const std::vector<std::string_view> files(names.begin(), names.end());
    auto uids = state.uids.assign(files);
    if (!uids) {  // they are there all the same, and get their UIDs at the next look
        means_.log.warning(uids.error().text());
        state.seen.forget();
        return appended;
    }
    std::vector<State::Placed> placed;
    for (std::size_t i = 0; i < names.size(); ++i)
        placed.push_back({names[i], flags_of_file(names[i]), (*uids)[i]});
    state.insert(placed);
    appended.uids = std::move(*uids);
    return appended;
}

}  // namespace mailhandler::store
