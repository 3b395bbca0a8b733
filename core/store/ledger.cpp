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
// A copy is in .stage/ or where it goes, and never twice, because a rename between directories is
// one step for the journal of the file system (ext4, xfs, btrfs; not promised by POSIX). Where both
// names survive, the second rename is of the same content to the same name. The content of a copy and
// its entry in .stage/ are durable before `staged` is, so "not there" can only mean "renamed".
#include "store/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "store/ledger_book.hpp"
#include "store/maildir.hpp"

namespace mailhandler::store {

namespace {

std::string hash_of(std::initializer_list<std::string_view> texts) {
    ContentHash hash;
    for (const std::string_view text : texts) {
        hash.add(text);
        hash.add(std::string_view("\0", 1));
    }
    return hash.text();
}

bool no_descriptor(const Fault& fault) { return fault.error == EMFILE || fault.error == ENFILE; }

// One file name per account, however long its parts are.
std::string account_entry(const Account& account) {
    std::string name = encode_name(account.login) + '@' + encode_name(account.server);
    if (name.size() > 200) {
        name = name.substr(0, 160) + '-' + hash_of({account.login, account.server});
    }
    return name;
}

}  // namespace

void ContentHash::add(std::string_view octets) {
    auto [first, second] = lanes_;
    for (const char each : octets) {
        const auto octet = static_cast<unsigned char>(each);
        first = (first ^ octet) * 0x100000001b3u;                      // FNV-1a
        second = (second + octet) * 0x9ddfea08eb382d69u;
        second ^= second >> 29;
    }
    lanes_ = {first, second};
}

std::string ContentHash::text() const { return fmt::format("{:016x}{:016x}", lanes_[0], lanes_[1]); }

Result<Copy> copy_to_maildir(const Layout& layout, const std::string& domain,
                             const std::string& recipient, const std::string& maildir,
                             const std::string& base_name, std::vector<std::string> parts,
                             disk::File* spilled) {
    std::uint64_t size = 0;
    if (spilled) {
        const auto known = spilled->size();
        if (!known) return tl::unexpected(known.error());
        size = *known;
    }
    for (const std::string& part : parts) size += part.size();
    const std::vector<std::string_view> views(parts.begin(), parts.end());
    std::string name = base_name + sizes_in_name(size, views, spilled != nullptr);
    return Copy{layout.stage_dir(domain), recipient, maildir + "/new", std::move(name),
                std::move(parts), spilled};
}

struct Ledger::State {
    using Staged = std::vector<std::pair<MessageId, LedgerBook::Entry>>;
    using Done = std::vector<std::pair<MessageId, Known>>;

    State(disk::Disk& on, const Layout& where, const Account& account, Use how)
        : disk(on), layout(where), use(how), tag(hash_of({account.login, account.server}).substr(0, 16)),
          book(on, layout.ledger_dir() + '/' + account_entry(account) + ".log", layout.base()) {}

    Result<> may_write() const {
        if (use == Use::write) return book.sound();
        return fail(layout.ledger_dir(), "the ledger was opened to look at only");
    }
    Result<> prepare(const std::string& stage_dir);
    Result<std::unique_ptr<disk::File>> write_copy(const Copy& copy, const std::string& path);
    Result<> sync(std::vector<std::unique_ptr<disk::File>>& files,
                  const std::set<std::string>& directories);
    Result<> write_copies(const std::vector<Collected>& batch, Staged& staged);
    Result<> prepare_target(const std::string& directory);
    Result<> rename(const Move& move);
    Result<> sync_targets(std::set<std::string> directories);
    Result<> finish(const Staged& staged, Done done);
    void sweep();
    std::optional<MessageId> predecessor(const Sighting& message);

    disk::Disk& disk;
    const Layout layout;
    const Use use;
    const std::string tag;  // this account's stage files begin with it
    std::unique_ptr<disk::Lock> lock;
    LedgerBook book;
    std::set<std::string> prepared;  // directories known to be there and durable
    // Done under other names than today's, by hash; made when first asked for.
    std::optional<std::unordered_multimap<std::string, MessageId>> by_hash;
};

// Also where it is there already: another account may have made it a moment ago, and not synced.
Result<> Ledger::State::prepare(const std::string& stage_dir) {
    if (prepared.contains(stage_dir)) return {};
    if (auto made = disk::make_directories(disk, stage_dir); !made) return made;
    std::string above = stage_dir;
    for (int level = 0; level < 3; ++level) {  // the domain's, mail/ and what that lies in
        above = disk::parent_path(above);
        if (auto synced = disk.sync_directory(above); !synced) return synced;
    }
    prepared.insert(stage_dir);
    return {};
}

Result<std::unique_ptr<disk::File>> Ledger::State::write_copy(const Copy& copy,
                                                              const std::string& path) {
    auto file = disk.create(path);
    if (!file && file.error().error == EEXIST) {
        // Left by a crash before its `staged`, or by a batch that failed: nobody counts on it.
        if (auto removed = disk.remove(path); !removed) return tl::unexpected(removed.error());
        file = disk.create(path);
    }
    if (!file) return file;
    const std::vector<std::string_view> parts(copy.parts.begin(), copy.parts.end());
    if (auto done = (*file)->write(parts); !done) return tl::unexpected(done.error());
    if (copy.spilled) {
        const auto size = copy.spilled->size();
        if (!size) return tl::unexpected(size.error());
        auto done = (*file)->append_from(*copy.spilled, 0, *size);
        if (!done) return tl::unexpected(done.error());
    }
    return file;
}

// Step 1.
Result<> Ledger::State::write_copies(const std::vector<Collected>& batch, Staged& staged) {
    std::vector<std::unique_ptr<disk::File>> files;
    std::set<std::string> directories;
    for (const Collected& message : batch) {
        if (message.copies.empty()) continue;
        LedgerBook::Entry entry{
            {Known::State::staged, message.size, message.hash, message.when}, {}};
        const std::string name = hash_of(
            {message.id.mailbox, std::to_string(message.id.validity), message.id.uid});
        for (std::size_t count = 0; count < message.copies.size(); ++count) {
            const Copy& copy = message.copies[count];
            if (auto done = prepare(copy.stage_dir); !done) return done;
            const std::string path = fmt::format("{}/{}.{}.{}.{}", copy.stage_dir, tag, name, count,
                                                 hash_of({copy.recipient}).substr(0, 16));
            auto file = write_copy(copy, path);
            if (!file && no_descriptor(file.error()) && !files.empty()) {
                if (auto done = sync(files, {}); !done) return done;
                file = write_copy(copy, path);
            }
            if (!file) return tl::unexpected(file.error());
            files.push_back(std::move(*file));
            directories.insert(copy.stage_dir);
            entry.moves.push_back({path, copy.directory + '/' + copy.name});
        }
        staged.emplace_back(message.id, std::move(entry));
    }
    return sync(files, directories);
}

Result<> Ledger::State::sync(std::vector<std::unique_ptr<disk::File>>& files,
                             const std::set<std::string>& directories) {
    std::vector<disk::File*> pointers;
    for (const auto& file : files) pointers.push_back(file.get());
    const std::vector<std::string> paths(directories.begin(), directories.end());
    auto done = disk.sync_together(pointers, paths);
    files.clear();
    return done;
}

// A maildir whose tmp/ is there is durable with all above it, see make_maildir().
Result<> Ledger::State::prepare_target(const std::string& directory) {
    if (prepared.contains(directory)) return {};
    const std::string above = disk::parent_path(directory);
    Result<> done;
    if (disk::file_name(directory) != "new") {
        done = disk::make_directories(disk, directory);
        if (done) done = disk.sync_directory(above);
    } else if (!disk::exists(disk, above + "/tmp")) {
        done = make_maildir(disk, above);
    }
    if (done) prepared.insert(directory);
    return done;
}

Result<> Ledger::State::rename(const Move& move) {
    const std::string directory = disk::parent_path(move.to);
    for (const bool again : {false, true}) {
        if (!prepared.contains(directory)) {
            const auto there = disk.status(move.stage);
            if (!there && there.error().error == ENOENT) return {};  // it was renamed before
            if (!there) return tl::unexpected(there.error());
            if (auto done = prepare_target(directory); !done) return done;
        }
        auto renamed = disk.rename(move.stage, move.to);
        if (renamed || renamed.error().error != ENOENT || again) return renamed;
        prepared.erase(directory);  // perhaps it was removed since
    }
    return {};
}

Result<> Ledger::State::sync_targets(std::set<std::string> directories) {
    for (;;) {
        const std::vector<std::string> paths(directories.begin(), directories.end());
        auto synced = disk.sync_together({}, paths);
        if (synced || synced.error().error != ENOENT) return synced;
        // A mailbox that was removed since it was delivered to has nothing to sync.
        const auto gone = std::erase_if(
            directories, [&](const std::string& path) { return !disk::exists(disk, path); });
        if (gone == 0) return synced;
    }
}

// Steps 3 and 4.
Result<> Ledger::State::finish(const Staged& staged, Done done) {
    std::set<std::string> directories;
    for (const auto& [id, entry] : staged) {
        for (const Move& move : entry.moves) {
            if (auto renamed = rename(move); !renamed) return renamed;
            directories.insert(disk::parent_path(move.to));
        }
        done.emplace_back(id, Known{Known::State::done, entry.known.size, entry.known.hash,
                                    entry.known.since});
    }
    if (auto synced = sync_targets(directories); !synced) return synced;
    if (done.empty()) return {};
    return book.finish(done);
}

void Ledger::State::sweep() {
    const auto domains = disk.list(layout.mail_dir());
    if (!domains) return;
    for (const disk::Entry& domain : *domains) {
        const std::string directory = layout.mail_dir() + '/' + domain.name + "/.stage";
        const auto entries = disk.list(directory);
        if (!entries) continue;
        for (const disk::Entry& entry : *entries) {
            if (entry.name.starts_with(tag + '.')) (void)disk.remove(directory + '/' + entry.name);
        }
    }
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
    State::Staged staged;
    for (const auto& [id, entry] : state.book.entries()) {
        if (entry.known.state == Known::State::staged) staged.emplace_back(id, entry);
    }
    if (auto done = state.finish(staged, {}); !done) return tl::unexpected(done.error());
    state.sweep();
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
    std::set<MessageId> seen;
    const auto twice = std::stable_partition(
        batch.begin(), batch.end(),
        [&](const Collected& message) { return seen.insert(message.id).second; });
    if (twice != batch.end()) {
        std::vector<Collected> again(std::make_move_iterator(twice),
                                     std::make_move_iterator(batch.end()));
        batch.erase(twice, batch.end());
        if (auto done = deliver(std::move(batch)); !done) return done;
        return deliver(std::move(again));
    }
    bool pending = false;
    for (const Collected& message : batch) {
        const auto before = known(message.id);
        pending = pending || (before && before->state == Known::State::staged);
    }
    if (pending) {
        // An earlier call failed half way; its stage files must not be written over.
        if (auto done = recover(); !done) return tl::unexpected(done.error());
    }
    std::erase_if(batch, [&](const Collected& message) {
        const auto before = known(message.id);
        return before && before->size == message.size && before->hash == message.hash;
    });
    State::Staged staged;
    if (auto done = state.write_copies(batch, staged); !done) return done;
    if (!staged.empty()) {
        if (auto done = state.book.stage(staged); !done) return done;
    }
    State::Done done;
    for (const Collected& message : batch) {
        if (message.copies.empty()) {
            done.emplace_back(message.id, Known{Known::State::done, message.size, message.hash,
                                                message.when});
        }
    }
    return state.finish(staged, std::move(done));
}

namespace {

// POP3 shows what IMAP calls INBOX, and has no name for it.
bool same_mailbox(const MessageId& a, const MessageId& b) {
    return a.mailbox == b.mailbox || ((a.mailbox.empty() || b.mailbox.empty()) &&
                                      (a.mailbox == "INBOX" || b.mailbox == "INBOX"));
}

bool same_names(const MessageId& a, const MessageId& b) {
    return a.mailbox == b.mailbox && a.validity == b.validity;
}

}  // namespace

// The entry that this message may take over.
std::optional<MessageId> Ledger::State::predecessor(const Sighting& message) {
    if (!by_hash) {
        by_hash.emplace();
        for (const auto& [old, entry] : book.entries()) {
            if (entry.known.state != Known::State::done || same_names(old, message.id)) continue;
            by_hash->emplace(entry.known.hash, old);
        }
    }
    const auto [begin, end] = by_hash->equal_range(message.hash);
    for (auto at = begin; at != end; ++at) {
        const auto found = book.entries().find(at->second);
        if (!same_mailbox(at->second, message.id) || same_names(at->second, message.id) ||
            found == book.entries().end() || found->second.known.size != message.size ||
            found->second.known.hash != message.hash) {
            continue;
        }
        MessageId old = at->second;
        by_hash->erase(at);
        return old;
    }
    return std::nullopt;
}

Result<std::vector<bool>> Ledger::adopt(std::span<const Sighting> messages) {
    State& state = *state_;
    if (auto may = state.may_write(); !may) return tl::unexpected(may.error());
    std::vector<bool> adopted;
    std::vector<std::pair<MessageId, MessageId>> pairs;
    for (const Sighting& message : messages) {
        auto old = state.predecessor(message);
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
    state.by_hash.reset();
    if (auto done = state.book.compact(); !done) return tl::unexpected(done.error());
    return gone.size();
}

}  // namespace mailhandler::store
