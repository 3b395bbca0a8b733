// What changes a mailbox: flags, removal, the move from new/ to cur/. Whatever is not where the
// list has it was renamed by somebody else: it is looked for, and the rest of the work done again.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "store/mailbox_state.hpp"

namespace mailhandler::store {

namespace {

constexpr int most_attempts = 4;

}  // namespace

void Mailbox::State::publish(std::shared_ptr<MessageList> made) {
    made->highest_modseq = modseqs.highest();
    list = std::move(made);
    const std::scoped_lock guard(latest_mutex);
    latest_list = list;
}

Result<bool> Mailbox::State::rename(MessageList& in, ListedMessage& message, Flags flags) {
    const std::string file = with_flags(in.file(message), flags);
    const std::string from = in.path(message);
    const std::string to = seen.path() + '/' + file;
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
        if (auto done = means.disk.sync_directory(seen.path()); !done) return done;
    if (fresh_too)
        if (auto done = means.disk.sync_directory(fresh.path()); !done) return done;
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

bool Mailbox::State::move_on(std::size_t most, bool claims) {
    const auto in_new = [](const ListedMessage& each) { return each.in_new; };
    const bool any = std::any_of(list->messages.begin(), list->messages.end(), in_new);
    claims = claims && list->first_recent != list->uid_next;
    if (!claims && (!any || most == 0)) return any;
    auto made = draft();
    if (claims) made->first_recent = made->uid_next;
    const bool cur_clean = any && seen.clean(), new_clean = any && fresh.clean();
    bool left = false, moved = false;
    for (ListedMessage& each : made->messages) {
        if (!each.in_new) continue;
        left = most == 0;
        if (left) break;
        const auto renamed = rename(*made, each, each.flags);
        // A file system that cannot be written to: they stay in new/, and that is all.
        if (!renamed) means.log.warning(renamed.error().text());
        if (!renamed) break;
        most -= *renamed ? 1 : 0;
        moved = true;
    }
    if (moved) {
        seen.changed_by_us(cur_clean);
        fresh.changed_by_us(new_clean);
    }
    publish(std::move(made));
    return left;
}

Result<Mailbox::Claimed> Mailbox::claim(Look look, std::size_t most) {
    State& state = *state_;
    const Instant asked = means_.clock.now();
    const std::scoped_lock guard(state.mutex);
    auto list = state.refresh(look, asked);
    if (!list) return tl::unexpected(list.error());
    Claimed claimed;
    if ((*list)->first_recent < (*list)->uid_next) claimed.first_recent = (*list)->first_recent;
    const bool left = state.move_on(state.settling ? 0 : most, true);
    claimed.left = left && !state.settling;
    claimed.list = state.list;
    return claimed;
}

// Of a large mailbox in larger pieces: each copies the list.
void Mailbox::settle() {
    State& state = *state_;
    bool left = true;
    {
        const std::scoped_lock guard(state.mutex);
        if (!state.list || std::exchange(state.settling, true)) return;
    }
    while (left) {
        const std::scoped_lock guard(state.mutex);
        left = state.move_on(std::max<std::size_t>(200, state.list->messages.size() / 50),
                             false);
        if (!left) state.settling = false;
    }
}

namespace {

Flags changed_flags(Flags now, FlagChange::How how, Flags given) {
    if (how == FlagChange::How::add) return now | given;
    if (how == FlagChange::How::remove) return now & ~given;
    return given;
}

// What one round of a change touched.
struct Touched {
    bool cur = false, fresh = false;
};

}  // namespace

// Does `act` to each message, and once more to those that were not where the list had them. `act`
// says false of such a one; `settle` finishes the list of a round before it is published. At last
// all is synced. What was done before a fault stays done, and is in the list.
template <class Act, class Settle>
Result<> Mailbox::State::change(std::vector<Uid> todo, Act act, Settle settle) {
    Touched all;
    Result<> done;
    for (int attempt = 0; done && !todo.empty() && attempt < most_attempts; ++attempt) {
        if (attempt > 0) {
            if (auto again = look_again(); !again) done = tl::unexpected(again.error());
            if (!done) break;
        }
        auto made = draft();
        const bool cur_clean = seen.clean(), new_clean = fresh.clean();
        Touched touched;
        std::vector<Uid> missed;
        for (const Uid uid : todo) {
            auto* message = const_cast<ListedMessage*>(made->find(uid));
            if (!message) continue;
            const Result<bool> acted = act(*made, *message, touched);
            if (!acted) done = tl::unexpected(acted.error());
            if (!acted) break;
            if (!*acted) missed.push_back(uid);
        }
        settle(*made);
        if (touched.cur) seen.changed_by_us(cur_clean);
        if (touched.fresh) fresh.changed_by_us(new_clean);
        all.cur = all.cur || touched.cur;
        all.fresh = all.fresh || touched.fresh;
        publish(std::move(made));
        todo = std::move(missed);
    }
    const auto synced = sync(all.cur, all.fresh);
    return done ? synced : done;
}

Result<Mailbox::Stored> Mailbox::store(std::span<const Uid> uids, const FlagChange& change) {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    if (auto list = state.refresh(Look::cheap); !list) return tl::unexpected(list.error());
    const auto bits = state.keywords.flags(change.keywords, change.how != FlagChange::How::remove);
    if (!bits) return tl::unexpected(bits.error());
    const Flags given = change.system | *bits;

    Stored stored;
    std::vector<ModSeqs::Seen> changed;
    const ModSeq modseq = state.modseqs.next();
    const auto act = [&](MessageList& in, ListedMessage& message,
                         Touched& touched) -> Result<bool> {
        if (change.unchanged_since && message.modseq > *change.unchanged_since &&
            message.modseq != modseq) {
            stored.modified.push_back(message.uid);
            return true;
        }
        const Flags flags = changed_flags(message.flags, change.how, given);
        if (flags == message.flags) return true;
        const bool was_new = message.in_new;
        const auto renamed = state.rename(in, message, flags);
        if (!renamed || !*renamed) return renamed;
        message.modseq = modseq;
        changed.push_back({message.uid, message.flags, modseq});
        touched.cur = true;
        touched.fresh = touched.fresh || was_new;
        return true;
    };
    const auto settle = [&](MessageList& made) {
        made.keywords = state.keywords.names();
        state.modseqs.changed(std::exchange(changed, {}));
    };
    const auto done = state.change({uids.begin(), uids.end()}, act, settle);
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
    std::vector<Uid> gone;
    const auto act = [&](MessageList& in, ListedMessage& message,
                         Touched& touched) -> Result<bool> {
        const auto removed = means_.disk.remove(in.path(message));
        if (!removed && removed.error().error == ENOENT) return false;
        if (!removed) return tl::unexpected(removed.error());
        gone.push_back(message.uid);
        expunged.octets += in.file_size(message).value_or(0);
        (message.in_new ? touched.fresh : touched.cur) = true;
        return true;
    };
    const auto settle = [&](MessageList& made) {
        std::erase_if(made.messages, [&](const ListedMessage& each) {
            return std::binary_search(gone.begin(), gone.end(), each.uid);
        });
        if (!gone.empty()) state.modseqs.vanished(gone, state.modseqs.next());
        state.gone_since_compact += gone.size();
        gone.clear();
    };
    std::vector<Uid> todo(uids.begin(), uids.end());
    std::sort(todo.begin(), todo.end());
    const auto done = state.change(std::move(todo), act, settle);
    if (!done) return tl::unexpected(done.error());
    std::optional<Dotlock> held;
    state.tidy(held);
    expunged.list = state.list;
    return expunged;
}

Result<> Mailbox::annotated() {
    State& state = *state_;
    const std::scoped_lock guard(state.mutex);
    if (auto list = state.refresh(Look::cheap); !list) return tl::unexpected(list.error());
    state.modseqs.mailbox_changed(state.modseqs.next());
    state.publish(state.draft());
    return {};
}

}  // namespace mailhandler::store
