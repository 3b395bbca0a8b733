#include "store/staging.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "store/content_hash.hpp"
#include "store/maildir.hpp"

namespace mailhandler::store {

namespace {

bool no_descriptor(const Fault& fault) { return fault.error == EMFILE || fault.error == ENFILE; }

}  // namespace

Staging::Staging(disk::Disk& disk, const Layout& layout, const Account& account)
    : disk_(disk),
      mail_dir_(layout.mail_dir()),
      tag_(hash_of({account.login, account.server}).substr(0, 16)) {}

// --- into .stage/ --------------------------------------------------------------------------

Result<Staging::Staged> Staging::write(const std::vector<Collected>& batch) {
    Staged staged;
    Files unsynced;
    std::set<std::string> directories;
    for (const Collected& message : batch) {
        if (message.copies.empty()) continue;
        LedgerBook::Entry entry{{Known::State::staged, message.size, message.hash, message.when},
                                {}};
        const std::string name =
            hash_of({message.id.mailbox, std::to_string(message.id.validity), message.id.uid});
        for (std::size_t count = 0; count < message.copies.size(); ++count) {
            const Copy& copy = message.copies[count];
            if (auto done = prepare_stage(copy.stage_dir); !done)
                return tl::unexpected(done.error());
            const std::string path = fmt::format("{}/{}.{}.{}.{}", copy.stage_dir, tag_, name,
                                                 count, hash_of({copy.recipient}).substr(0, 16));
            if (auto done = write_copy(copy, path, unsynced); !done)
                return tl::unexpected(done.error());
            directories.insert(copy.stage_dir);
            entry.moves.push_back({path, copy.directory + '/' + copy.name});
        }
        staged.emplace_back(message.id, std::move(entry));
    }
    if (auto done = sync(unsynced, directories); !done) return tl::unexpected(done.error());
    return staged;
}

// Also where it is there already: another account may have made it a moment ago, and not synced.
Result<> Staging::prepare_stage(const std::string& directory) {
    if (prepared_.contains(directory)) return {};
    if (auto made = disk::make_directories(disk_, directory); !made) return made;
    std::string above = directory;
    for (int level = 0; level < 3; ++level) {  // the domain's, mail/ and what that lies in
        above = disk::parent_path(above);
        if (auto synced = disk_.sync_directory(above); !synced) return synced;
    }
    prepared_.insert(directory);
    return {};
}

Result<> Staging::write_copy(const Copy& copy, const std::string& path, Files& unsynced) {
    auto file = create(copy, path);
    if (!file && no_descriptor(file.error()) && !unsynced.empty()) {
        if (auto done = sync(unsynced, {}); !done) return done;
        file = create(copy, path);
    }
    if (!file) return tl::unexpected(file.error());
    unsynced.push_back(std::move(*file));
    return {};
}

Result<std::unique_ptr<disk::File>> Staging::create(const Copy& copy, const std::string& path) {
    auto file = disk_.create(path);
    if (!file && file.error().error == EEXIST) {
        // Left by a crash before its `staged`, or by a batch that failed: nobody counts on it.
        if (auto removed = disk_.remove(path); !removed) return tl::unexpected(removed.error());
        file = disk_.create(path);
    }
    if (!file) return file;
    if (auto done = copy.content.write_to(**file); !done) return tl::unexpected(done.error());
    return file;
}

Result<> Staging::sync(Files& files, const std::set<std::string>& directories) {
    std::vector<disk::File*> pointers;
    for (const auto& file : files) pointers.push_back(file.get());
    const std::vector<std::string> paths(directories.begin(), directories.end());
    auto done = disk_.sync_together(pointers, paths);
    files.clear();
    return done;
}

// --- to where they go ----------------------------------------------------------------------

Result<> Staging::place(const Staged& staged) {
    std::set<std::string> directories;
    for (const auto& [id, entry] : staged) {
        for (const Move& move : entry.moves) {
            if (auto renamed = rename(move); !renamed) return renamed;
            directories.insert(disk::parent_path(move.to));
        }
    }
    return sync_targets(std::move(directories));
}

Result<> Staging::rename(const Move& move) {
    const std::string directory = disk::parent_path(move.to);
    for (const bool again : {false, true}) {
        if (!prepared_.contains(directory)) {
            const auto there = disk_.status(move.stage);
            if (!there && there.error().error == ENOENT) return {};  // it was renamed before
            if (!there) return tl::unexpected(there.error());
            if (auto done = prepare_target(directory); !done) return done;
        }
        auto renamed = disk_.rename(move.stage, move.to);
        if (renamed || renamed.error().error != ENOENT || again) return renamed;
        prepared_.erase(directory);  // perhaps it was removed since
    }
    return {};
}

// A maildir whose tmp/ is there is durable with all above it, see make_maildir().
Result<> Staging::prepare_target(const std::string& directory) {
    if (prepared_.contains(directory)) return {};
    const std::string above = disk::parent_path(directory);
    Result<> done;
    if (disk::file_name(directory) != "new") {
        done = disk::make_directories(disk_, directory);
        if (done) done = disk_.sync_directory(above);
    } else if (!disk::exists(disk_, above + "/tmp")) {
        done = make_maildir(disk_, above);
    }
    if (done) prepared_.insert(directory);
    return done;
}

Result<> Staging::sync_targets(std::set<std::string> directories) {
    for (;;) {
        const std::vector<std::string> paths(directories.begin(), directories.end());
        auto synced = disk_.sync_together({}, paths);
        if (synced || synced.error().error != ENOENT) return synced;
        // A mailbox that was removed since it was delivered to has nothing to sync.
        const auto gone = std::erase_if(
            directories, [&](const std::string& path) { return !disk::exists(disk_, path); });
        if (gone == 0) return synced;
    }
}

void Staging::sweep() {
    const auto domains = disk_.list(mail_dir_);
    if (!domains) return;
    for (const disk::Entry& domain : *domains) {
        const std::string directory = mail_dir_ + '/' + domain.name + "/.stage";
        const auto entries = disk_.list(directory);
        if (!entries) continue;
        for (const disk::Entry& entry : *entries) {
            if (entry.name.starts_with(tag_ + '.'))
                (void)disk_.remove(directory + '/' + entry.name);
        }
    }
}

}  // namespace mailhandler::store
