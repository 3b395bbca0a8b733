#include "store/mailbox.hpp"

#include <cerrno>

#include "store/mailbox_state.hpp"

namespace mailhandler::store {

Mailbox::Mailbox(MailboxMeans& means, std::string maildir, std::string account,
                 std::uint32_t cache_version)
    : means_(means), maildir_(std::move(maildir)),
      state_(std::make_unique<State>(means, maildir_, account, cache_version)) {}

Mailbox::~Mailbox() = default;

Result<MessageListPointer> Mailbox::refresh(Look look) {
    const Instant asked = means_.clock.now();
    const std::scoped_lock guard(state_->mutex);
    return state_->refresh(look, asked);
}

namespace {

// Does `work` with the path of a message, wherever it is now: `list` is how it was once, `latest` how it
// was last, and `find` looks for it again.
template <class Work, class Find>
auto wherever(const MessageList& list, const ListedMessage& message, MessageListPointer latest,
              Work work, Find find) -> decltype(work(std::string())) {
    const auto in = [&](const MessageListPointer& now) {
        return now && now->uid_validity == list.uid_validity ? now->find(message.uid) : nullptr;
    };
    const ListedMessage* last = latest.get() == &list ? nullptr : in(latest);
    auto done = work(last ? latest->path(*last) : list.path(message));
    for (int attempt = 0; !done && done.error().error == ENOENT && attempt < 3; ++attempt) {
        const Result<MessageListPointer> now = find(attempt);
        if (!now) return tl::unexpected(now.error());
        const ListedMessage* there = in(*now);
        if (!there) return done;
        done = work((*now)->path(*there));
    }
    return done;
}

}  // namespace

Result<std::unique_ptr<disk::File>> Mailbox::open(const MessageList& list,
                                                  const ListedMessage& message) {
    return wherever(
        list, message, state_->latest(),
        [&](const std::string& path) { return means_.disk.open(path); },
        [&](int attempt) { return find_again(attempt); });
}

Result<disk::Status> Mailbox::status(const MessageList& list, const ListedMessage& message) {
    return wherever(
        list, message, state_->latest(),
        [&](const std::string& path) { return means_.disk.status(path); },
        [&](int attempt) { return find_again(attempt); });
}

// At first the list as it is now may do: we renamed it ourselves.
Result<MessageListPointer> Mailbox::find_again(int attempt) {
    const std::scoped_lock guard(state_->mutex);
    return attempt == 0 ? state_->refresh(Look::cheap) : state_->look_again();
}

void Mailbox::keep_modseqs() {
    const std::scoped_lock guard(state_->mutex);
    if (state_->list) state_->modseqs.keep(*state_->list);
}

std::optional<std::vector<Uid>> Mailbox::vanished_since(ModSeq since) {
    const std::scoped_lock guard(state_->mutex);
    return state_->modseqs.vanished_since(since);
}

MailCache& Mailbox::cache() {
    const std::scoped_lock guard(state_->mutex);
    if (!std::exchange(state_->cache_current, true)) {
        state_->caches.push_back(std::make_unique<MailCache>(
            means_.disk, means_.log, maildir_, state_->list ? state_->list->uid_validity : 0,
            state_->cache_version));
    }
    return *state_->caches.back();
}

std::size_t Mailbox::memory() const {
    const std::scoped_lock guard(state_->mutex);
    std::size_t octets = sizeof *this + sizeof(State) + 16 * 4 * state_->uids.count() / 3;
    if (state_->list)
        octets += state_->list->messages.size() * sizeof(ListedMessage) +
                  state_->list->names.octets();
    return octets;
}

}  // namespace mailhandler::store
