// What a crash leaves of one message with several copies, and what recover() makes of it:
//
//     after                 .stage/          log         new/         recover()
//     write, sync copies    some or all      –           –            removes them; fetched again
//     append `staged`       all              – or torn   –            the same
//     sync `staged`         all              staged      –            renames all: delivered
//     rename, some          the others       staged      some         renames the others: delivered
//     sync new/             –                staged      all          notes `done`
//     sync `done`           –                done        all          nothing
//
// Why a copy that is not in .stage/ any more can only have been renamed says store/staging.hpp.
#include "store/ledger.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "store/content_hash.hpp"
#include "store/ledger_book.hpp"
#include "store/maildir.hpp"
#include "store/predecessors.hpp"
#include "store/staging.hpp"

namespace mailhandler::store {

namespace {

// One file name per account, however long its parts are.
std::string account_entry(const Account& account) {
    std::string name = encode_name(account.login) + '@' + encode_name(account.server);
    if (name.size() > 200) {
        name = name.substr(0, 160) + '-' + hash_of({account.login, account.server});
    }
    return name;
}

// Takes out of the batch whatever has the name of a message before it.
std::vector<Collected> take_repeated(std::vector<Collected>& batch) {
    std::set<MessageId> seen;
    const auto repeated = std::stable_partition(
        batch.begin(), batch.end(),
        [&](const Collected& message) { return seen.insert(message.id).second; });
    std::vector<Collected> taken(std::make_move_iterator(repeated),
                                 std::make_move_iterator(batch.end()));
    batch.erase(repeated, batch.end());
    return taken;
}

}  // namespace

Result<Copy> copy_to_maildir(const Layout& layout, const std::string& domain,
                             const std::string& recipient, const std::string& maildir,
                             const std::string& base_name, CopyContent content) {
    const auto size = content.size();
    if (!size) return tl::unexpected(size.error());
    std::string name = base_name + sizes_in_name(*size, content.parts(), content.spilled != nullptr);
    return Copy{layout.stage_dir(domain), recipient, maildir + "/new", std::move(name),
                std::move(content)};
}

struct Ledger::State {
    State(disk::Disk& on, const Layout& where, const Account& account, Use how)
        : disk(on), layout(where), use(how),
          book(on, layout.ledger_dir() + '/' + account_entry(account) + ".log", layout.base()),
          staging(on, layout, account), predecessors(book) {}

    Result<> may_write() const {
        if (use == Use::write) return book.sound();
        return fail(layout.ledger_dir(), "the ledger was opened to look at only");
    }

    using Done = std::vector<std::pair<MessageId, Known>>;
    // Steps 3 and 4. `done`: what else is.
    Result<> finish(const Staging::Staged& staged, Done done);

    disk::Disk& disk;
    const Layout layout;
    const Use use;
    std::unique_ptr<disk::Lock> lock;
    LedgerBook book;
    Staging staging;
    Predecessors predecessors;
};

Result<> Ledger::State::finish(const Staging::Staged& staged, Done done) {
    if (auto placed = staging.place(staged); !placed) return placed;
    for (const auto& [id, entry] : staged) {
        done.emplace_back(id, Known{Known::State::done, entry.known.size, entry.known.hash,
                                    entry.known.since});
    }
    if (done.empty()) return {};
    return book.finish(done);
}

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<Ledger> Ledger::open(disk::Disk& disk, const Layout& layout, const Account& account,
                            Use use) {
    auto state = std::make_unique<State>(disk, layout, account, use);
    if (use == Use::write) {
        auto made = disk::make_directories(disk, layout.ledger_dir());
        if (!made) return tl::unexpected(made.error());
        auto lock = disk.lock(layout.ledger_dir() + '/' + account_entry(account) + ".lock", false);
        if (!lock) {
            Fault fault = lock.error();
            if (fault.error == EWOULDBLOCK) fault.cause = "this account is being collected already";
            return tl::unexpected(std::move(fault));
        }
        state->lock = std::move(*lock);
    }
    if (auto done = state->book.read(); !done) return tl::unexpected(done.error());
    return Ledger(std::move(state));
}

Result<std::size_t> Ledger::recover() {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return tl::unexpected(may.error());
    Staging::Staged staged;
    for (const auto& [id, entry] : state.book.entries()) {
        if (entry.known.state == Known::State::staged) staged.emplace_back(id, entry);
    }
    if (auto done = state.finish(staged, {}); !done) return tl::unexpected(done.error());
    state.staging.sweep();
    if (auto done = state.book.compact(); !done) return tl::unexpected(done.error());
    return staged.size();
}

std::optional<Known> Ledger::known(const MessageId& id) const {
    const auto found = state_->book.entries().find(id);
    if (found == state_->book.entries().end()) return {};
    return found->second.known;
}

std::optional<Wait> Ledger::waits(const MessageId& id) const {
    const auto found = state_->book.waits().find(id);
    if (found == state_->book.waits().end()) return {};
    return found->second;
}

Result<> Ledger::wait(std::span<const std::pair<MessageId, Wait>> messages) {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return may;
    std::vector<std::pair<MessageId, Wait>> fresh;
    for (const auto& each : messages)
        if (waits(each.first) != each.second) fresh.push_back(each);
    if (fresh.empty()) return {};
    return state.book.wait(fresh);
}

std::size_t Ledger::size() const { return state_->book.entries().size(); }
bool Ledger::never_used() const { return state_->book.never_used(); }
std::size_t Ledger::damaged() const { return state_->book.damaged(); }

Result<> Ledger::deliver(std::vector<Collected> batch) {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return may;
    // A server that lists one UID twice: each in its turn.
    if (auto repeated = take_repeated(batch); !repeated.empty()) {
        if (auto done = deliver(std::move(batch)); !done) return done;
        return deliver(std::move(repeated));
    }
    const bool pending = std::any_of(batch.begin(), batch.end(), [&](const Collected& message) {
        const auto before = known(message.id);
        return before && before->state == Known::State::staged;
    });
    if (pending) {
        // An earlier call failed half way; its stage files must not be written over.
        if (auto done = recover(); !done) return tl::unexpected(done.error());
    }
    std::erase_if(batch, [&](const Collected& message) {
        const auto before = known(message.id);
        return before && before->size == message.size && before->hash == message.hash;
    });
    const auto staged = state.staging.write(batch);
    if (!staged) return tl::unexpected(staged.error());
    if (!staged->empty()) {
        if (auto noted = state.book.stage(*staged); !noted) return noted;
    }
    State::Done done;
    for (const Collected& message : batch) {
        if (message.copies.empty()) {
            done.emplace_back(message.id, Known{Known::State::done, message.size, message.hash,
                                                message.when});
        }
    }
    return state.finish(*staged, std::move(done));
}

Result<std::vector<bool>> Ledger::adopt(std::span<const Sighting> messages) {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return tl::unexpected(may.error());
    std::vector<bool> adopted;
    std::vector<std::pair<MessageId, MessageId>> pairs;
    for (const Sighting& message : messages) {
        auto old = state.predecessors.take(message);
        adopted.push_back(old.has_value());
        if (old) pairs.emplace_back(message.id, std::move(*old));
    }
    if (pairs.empty()) return adopted;
    if (auto done = state.book.adopt(pairs); !done) return tl::unexpected(done.error());
    return adopted;
}

Result<> Ledger::leaving(std::span<const MessageId> ids) {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return may;
    std::vector<MessageId> going;
    for (const MessageId& id : ids) {
        const auto before = known(id);
        if (before && !before->leaving) going.push_back(id);
    }
    if (going.empty()) return {};
    return state.book.leave(going);
}

Result<std::size_t> Ledger::forget_unlisted(const std::string& mailbox, std::uint64_t validity,
                                            ListedUids listed, bool all) {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return tl::unexpected(may.error());
    listed.sort();
    const auto shared = [](const MessageId& id) {
        return std::string_view(id.uid).substr(0, id.uid.find(' '));
    };
    std::vector<MessageId> gone;
    for (const auto& [id, entry] : state.book.entries()) {
        if (id.mailbox != mailbox || entry.known.state != Known::State::done) continue;
        // Under another validity a UID names another message.
        const bool there = id.validity == validity && listed.contains(shared(id));
        if ((all || id.validity == validity) && !there) gone.push_back(id);
    }
    for (const auto& [id, wait] : state.book.waits()) {
        const bool there = id.validity == validity && listed.contains(shared(id));
        if (id.mailbox == mailbox && !there && !known(id)) gone.push_back(id);
    }
    if (gone.empty()) return 0;
    if (auto done = state.book.forget(gone); !done) return tl::unexpected(done.error());
    state.predecessors.start_over();
    if (auto done = state.book.compact(); !done) return tl::unexpected(done.error());
    return gone.size();
}

}  // namespace mailhandler::store
