#include "agent/undeliverable.hpp"

#include <fmt/format.h>

#include "store/content_hash.hpp"

namespace mailhandler::agent {

namespace {

std::string id_of(const store::Queued& envelope, const store::Owed& owed) {
    store::ContentHash recipient;
    recipient.add(owed.recipient.address.key());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        envelope.arrived.time_since_epoch());
    return fmt::format("{}.Q{}.{}", seconds.count(), envelope.id, recipient.text().substr(0, 12));
}

store::HeldNote note_of(const store::Queued& envelope, const store::Owed& owed,
                        const std::string& why, WallTime now) {
    store::HeldNote note;
    note.id = id_of(envelope, owed);
    note.when = now;
    note.recipient = owed.original.empty() ? owed.recipient.address.given() : owed.original;
    note.to = owed.recipient.address.given();
    note.sender = envelope.original_sender;
    note.reason = "undeliverable";
    note.text = owed.last_reply;
    if (!why.empty()) note.text += fmt::format(" (not bounced: {})", why);
    note.size = envelope.size;
    return note;
}

// Written under a name that is no held message's, synced, then renamed.
Result<> hold(disk::Disk& disk, const std::string& directory, const store::HeldNote& note,
              store::QueuedMessage& message) {
    const std::string unfinished = directory + "/." + note.id;
    (void)disk.remove(unfinished);  // a crash left it
    auto file = disk.create(unfinished);
    if (!file) return tl::unexpected(file.error());
    const std::string line = store::to_line(note);
    Result<> done = (*file)->write(line);
    if (done) done = (*file)->append_from(*message.file, message.begin, note.size);
    if (done) done = (*file)->sync();
    if (done)
        done = disk.rename(unfinished, fmt::format("{}/{},S={}", directory, note.id,
                                                   line.size() + note.size));
    if (!done) (void)disk.remove(unfinished);
    return done;
}

}  // namespace

Result<> hold_undeliverable(disk::Disk& disk, const store::Layout& layout, store::Spool& spool,
                            const Clock& clock, const Trouble& trouble,
                            const std::string& why) {
    const std::string directory = layout.held_dir();
    if (auto made = disk::make_directories(disk, directory); !made) return made;
    auto message = spool.open(trouble.envelope.id);
    if (!message) return tl::unexpected(message.error());
    store::Held held(disk, layout);
    for (const store::Owed& owed : trouble.envelope.owed) {
        const auto note = note_of(trouble.envelope, owed, why, clock.wall());
        if (held.open(note.id)) continue;  // the id holds no time of now: this was done before
        if (auto done = hold(disk, directory, note, *message); !done) return done;
    }
    return disk.sync_directory(directory);
}

}  // namespace mailhandler::agent
