// What changes a mailbox: flags, removal, the move from new/ to cur/. Whatever is not where the list
// has it was renamed by somebody else: it is looked for, and the rest of the work done again.
#include <algorithm>
#include <cerrno>

#include "store/mailbox_state.hpp"

namespace mailhandler::store {

namespace {

constexpr int most_attempts = 4;

}  // namespace

void Mailbox::State::publish(std::shared_ptr<MessageList> made) {
    made->highest_modseq = modseqs.highest();
    list = std::move(made);
}

Result<bool> Mailbox::State::rename(MessageList& in, ListedMessage& message, Flags flags) {
    const std::string file = with_flags(in.file(message), flags);
    const std::string from = in.path(message);
    const std::string to = seen.path + '/' + file;
    if (from != to) {
        const auto done = means.disk.rename(from, to);
        if (!done && done.error().error == ENOENT) return false;
        if (!done) return tl::unexpected(done.error());
    }
    const ModSeq modseq = message.modseq;
    in.names.add(file, message);
    message.modseq = modseq;
    message.flags = flags_of_file(file);
    message.in_new = false;
    return true;
}

// cur/ before new/: a message that moved is then on the disk twice rather than not at all.
Result<> Mailbox::State::sync(bool cur, bool fresh_too) {
    if (cur)
        if (auto done = means.disk.sync_directory(seen.path); !done) return done;
    if (fresh_too)
        if (auto done = means.disk.sync_directory(fresh.path); !done) return done;
    return {};
}

void Mailbox::State::insert(const std::vector<Placed>& placed) {
    auto made = draft();
    const ModSeq modseq = modseqs.next();
    std::vector<ModSeqs::Seen> changed;
    for (const Placed& each : placed) {
        ListedMessage message;
        made->names.add(each.file, message);
        message.uid = each.uid;
        message.flags = each.flags;
        message.modseq = modseq;
        made->messages.push_back(message);
        changed.push_back({each.uid, each.flags, modseq});
    }
    std::sort(made->messages.begin(), made->messages.end(),
              [](const auto& one, const auto& other) { return one.uid < other.uid; });
    made->uid_next = uids.next();
    modseqs.changed(std::move(changed));
    publish(std::move(made));
}

Result<Mailbox::Claimed> Mailbox::claim(Look look) {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    auto list = state.refresh(look);
    if (!list) return tl::unexpected(list.error());
    Claimed claimed;
    if ((*list)->first_recent < (*list)->uid_next) claimed.first_recent = (*list)->first_recent;
    const auto in_new = [](const ListedMessage& each) { return each.in_new; };
    const bool any = std::any_of((*list)->messages.begin(), (*list)->messages.end(), in_new);
    if (any || claimed.first_recent != 0) {
        auto made = state.draft();
        const bool cur_clean = any && state.clean(state.seen);
        const bool new_clean = any && state.clean(state.fresh);
        for (ListedMessage& each : made->messages) {
            if (!each.in_new) continue;
            const auto moved = state.rename(*made, each, each.flags);
            // A file system that cannot be written to: they stay in new/, and that is all.
            if (!moved) means_.log.warning(moved.error().text());
            if (!moved) break;
        }
        if (any) {
            state.changed_by_us(state.seen, cur_clean);
            state.changed_by_us(state.fresh, new_clean);
        }
        made->first_recent = made->uid_next;
        state.publish(std::move(made));
    }
    claimed.list = state.list;
    return claimed;
}

namespace {

Flags changed_flags(Flags now, FlagChange::How how, Flags given) {
    if (how == FlagChange::How::add) return now | given;
    if (how == FlagChange::How::remove) return now & ~given;
    return given;
}

}  // namespace

Result<Mailbox::Stored> Mailbox::store(std::span<const Uid> uids, const FlagChange& change) {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    if (auto list = state.refresh(Look::cheap); !list) return tl::unexpected(list.error());
    const auto bits = state.keywords.flags(change.keywords, change.how != FlagChange::How::remove);
    if (!bits) return tl::unexpected(bits.error());
    const Flags given = change.system | *bits;

    Stored stored;
    std::vector<Uid> todo(uids.begin(), uids.end());
    bool cur = false, fresh = false;
    Result<> done;
    const ModSeq modseq = state.modseqs.next();
    for (int attempt = 0; done && !todo.empty() && attempt < most_attempts; ++attempt) {
        if (attempt > 0) {
            if (auto list = state.look_again(); !list) return tl::unexpected(list.error());
        }
        auto made = state.draft();
        made->keywords = state.keywords.names();
        const bool cur_clean = state.clean(state.seen), new_clean = state.clean(state.fresh);
        bool moved_cur = false, moved_new = false;
        std::vector<Uid> missed;
        std::vector<ModSeqs::Seen> changed;
        for (const Uid uid : todo) {
            auto* message = const_cast<ListedMessage*>(made->find(uid));
            if (!message) continue;
            if (change.unchanged_since && message->modseq > *change.unchanged_since &&
                message->modseq != modseq) {
                stored.modified.push_back(uid);
                continue;
            }
            const Flags flags = changed_flags(message->flags, change.how, given);
            if (flags == message->flags) continue;
            const bool was_new = message->in_new;
            const auto renamed = state.rename(*made, *message, flags);
            if (!renamed) {
                done = tl::unexpected(renamed.error());
                break;
            }
            if (!*renamed) {
                missed.push_back(uid);
                continue;
            }
            message->modseq = modseq;
            changed.push_back({uid, message->flags, modseq});
            moved_cur = true;
            moved_new = moved_new || was_new;
        }
        if (moved_cur) state.changed_by_us(state.seen, cur_clean);
        if (moved_new) state.changed_by_us(state.fresh, new_clean);
        cur = cur || moved_cur;
        fresh = fresh || moved_new;
        state.modseqs.changed(std::move(changed));
        state.publish(std::move(made));
        todo = std::move(missed);
    }
    const auto synced = state.sync(cur, fresh);
    if (done && !synced) done = synced;
    if (!done) return tl::unexpected(done.error());
    state.modseqs.compact(*state.list);
    stored.list = state.list;
    return stored;
}

Result<Mailbox::Expunged> Mailbox::expunge(std::span<const Uid> uids) {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    if (auto list = state.refresh(Look::cheap); !list) return tl::unexpected(list.error());
    Expunged expunged;
    std::vector<Uid> todo(uids.begin(), uids.end());
    std::sort(todo.begin(), todo.end());
    bool cur = false, fresh = false;
    Result<> done;
    for (int attempt = 0; done && !todo.empty() && attempt < most_attempts; ++attempt) {
        if (attempt > 0) {
            if (auto list = state.look_again(); !list) return tl::unexpected(list.error());
        }
        auto made = state.draft();
        const bool cur_clean = state.clean(state.seen), new_clean = state.clean(state.fresh);
        bool from_cur = false, from_new = false;
        std::vector<Uid> missed, gone;
        for (const Uid uid : todo) {
            const auto* message = made->find(uid);
            if (!message) continue;
            const auto removed = means_.disk.remove(made->path(*message));
            if (!removed && removed.error().error == ENOENT) {
                missed.push_back(uid);
                continue;
            }
            if (!removed) {
                done = removed;
                break;
            }
            gone.push_back(uid);
            expunged.octets += made->file_size(*message).value_or(0);
            (message->in_new ? from_new : from_cur) = true;
        }
        std::erase_if(made->messages, [&](const ListedMessage& each) {
            return std::binary_search(gone.begin(), gone.end(), each.uid);
        });
        if (from_cur) state.changed_by_us(state.seen, cur_clean);
        if (from_new) state.changed_by_us(state.fresh, new_clean);
        cur = cur || from_cur;
        fresh = fresh || from_new;
        if (!gone.empty()) state.modseqs.vanished(gone, state.modseqs.next());
        state.gone_since_compact += gone.size();
        state.publish(std::move(made));
        todo = std::move(missed);
    }
    const auto synced = state.sync(cur, fresh);
    if (done && !synced) done = synced;
    if (!done) return tl::unexpected(done.error());
    std::optional<Dotlock> held;
    state.tidy(held);
    expunged.list = state.list;
    return expunged;
}

}  // namespace mailhandler::store
