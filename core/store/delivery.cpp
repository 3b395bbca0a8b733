// What a power cut leaves of one commit of several copies, at each step:
//
//     after                  tmp/             new/                  the sender   so
//     write, some            pieces or none   –                     no 250       sends again
//     sync file, some        some whole       –                     no 250       sends again
//     rename, some           some whole       some, whole           no 250       sends again: (1)
//     rename, all            –                none to all, whole    no 250       sends again: (1)
//     sync new/, some        –                some to all, whole    no 250       sends again: (1)
//     sync new/, all         –                all, whole            250          delivered
//
// (1) the copies that stayed are seen twice: the one duplicate that remains possible. It is never a
// torn copy, for no file is renamed before its content is synced, and never a lost one, for nothing
// is acknowledged before every directory is. What stays in tmp/ is removed after 36 hours
// (store/leftovers).
//
// A message for the queue (store/spool) is renamed within its directory, after those of the maildirs.
// Before that it is swept away after an hour (Spool::sweep).
//
// A new maildir: new/ and cur/ are synced with all directories above before tmp/ is made
// (make_maildir), so who could write into tmp/ need not ask whether new/ would survive. In the steady
// state a delivery makes no mkdir and no stat.
#include "store/delivery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "store/directory_syncs.hpp"

namespace mailhandler::store {

struct Delivery::State {
    disk::Disk& disk;
    std::string maildir;          // empty where it goes elsewhere
    std::string directory;        // where it becomes visible
    std::string hidden, visible;  // its paths
    std::unique_ptr<disk::File> file;
    std::uint64_t size = 0;
    bool renamed = false;

    explicit State(disk::Disk& on) : disk(on) {}
    // Nobody can still want what was not renamed. A file that cannot be removed now is removed
    // with the other leftovers.
    ~State() {
        if (renamed || !file) return;
        file.reset();
        (void)disk.remove(hidden);
    }
};

Delivery::Delivery(std::unique_ptr<State> state) : state_(std::move(state)) {}
Delivery::Delivery(Delivery&&) noexcept = default;
Delivery& Delivery::operator=(Delivery&&) noexcept = default;
Delivery::~Delivery() = default;

const std::string& Delivery::path() const { return state_->visible; }
const std::string& Delivery::maildir() const { return state_->maildir; }
std::uint64_t Delivery::size() const { return state_->size; }

namespace {

tl::unexpected<Fault> passing(Fault fault) {
    fault.temporary = true;  // whatever it was, the sender still has the message
    return tl::unexpected(std::move(fault));
}

Result<std::unique_ptr<disk::File>> create_in_tmp(disk::Disk& disk, const std::string& maildir,
                                                  const std::string& path) {
    auto file = disk.create(path);
    if (file || file.error().error != ENOENT) return file;
    if (auto made = make_maildir(disk, maildir); !made) return tl::unexpected(made.error());
    return disk.create(path);
}

// What a message is written from.
struct Content {
    std::vector<std::string_view> pieces;
    disk::File* spilled = nullptr;
    std::uint64_t spilled_size = 0;
    std::string_view after;
    std::uint64_t size = 0;  // of all

    Result<> write_to(disk::File& file) const {
        Result<> done = file.write(pieces);
        if (!spilled) return done;
        if (done) done = file.append_from(*spilled, 0, spilled_size);
        if (done && !after.empty()) done = file.write(after);
        return done;
    }
};

Result<Content> gather(std::span<const std::string_view> parts, disk::File* spilled,
                       std::string_view after) {
    Content content{{parts.begin(), parts.end()}, spilled, 0, after, after.size()};
    for (const std::string_view part : parts) content.size += part.size();
    if (!spilled) {
        content.pieces.push_back(after);  // all in one call
        return content;
    }
    const auto known = spilled->size();
    if (!known) return tl::unexpected(known.error());
    content.spilled_size = *known;
    content.size += *known;
    return content;
}

}  // namespace

Result<Delivery> Delivery::write(disk::Disk& disk, const std::string& maildir,
                                 const std::string& base_name,
                                 std::span<const std::string_view> parts, disk::File* spilled,
                                 std::string_view after, const Placing* placing) {
    const auto content = gather(parts, spilled, after);
    if (!content) return passing(content.error());
    const std::uint64_t size = content->size;
    auto state = std::make_unique<State>(disk);
    state->maildir = maildir;
    state->directory = maildir + (placing ? "/cur" : "/new");
    state->hidden = fmt::format("{}/tmp/{}", maildir, base_name);
    state->visible = fmt::format("{}/{}{}", state->directory, base_name,
                                 sizes_in_name(size, content->pieces, spilled != nullptr));
    if (placing) state->visible += ":2," + placing->letters;
    state->size = size;
    auto file = create_in_tmp(disk, maildir, state->hidden);
    if (!file) return passing(file.error());
    state->file = std::move(*file);
    if (auto done = content->write_to(*state->file); !done) return passing(done.error());
    if (placing && placing->modified) {
        if (auto dated = state->file->set_modified(*placing->modified); !dated)
            return passing(dated.error());
    }
    return Delivery(std::move(state));
}

Result<Delivery> Delivery::write_into(disk::Disk& disk, const Place& place,
                                      std::span<const std::string_view> parts,
                                      disk::File* spilled, std::string_view after) {
    const auto content = gather(parts, spilled, after);
    if (!content) return passing(content.error());
    auto state = std::make_unique<State>(disk);
    state->directory = place.directory;
    state->hidden = place.directory + '/' + place.hidden;
    state->visible = place.directory + '/' + place.visible;
    state->size = content->size;
    auto file = place.over ? disk.overwrite(state->hidden) : disk.create(state->hidden);
    if (!file) return passing(file.error());
    state->file = std::move(*file);
    if (auto done = content->write_to(*state->file); !done) return passing(done.error());
    return Delivery(std::move(state));
}

Store::Store(disk::Disk& disk) : disk_(disk), syncs_(std::make_unique<DirectorySyncs>(disk)) {}
Store::~Store() = default;

Result<> Store::commit(std::vector<Delivery> deliveries) {
    std::stable_partition(deliveries.begin(), deliveries.end(),
                          [](const Delivery& each) { return !each.state_->maildir.empty(); });
    std::vector<disk::File*> files;
    for (const Delivery& each : deliveries) files.push_back(each.state_->file.get());
    // Begun together, all files get into one journal commit of the kernel's: the first sync
    // carries the others.
    if (files.size() > 1) {
        for (disk::File* file : files) file->start_sync();
    }
    for (disk::File* file : files) {
        if (auto synced = file->sync(); !synced) return passing(synced.error());
    }
    Result<> done;
    std::vector<std::string> directories;
    for (Delivery& each : deliveries) {
        Delivery::State& copy = *each.state_;
        done = disk_.rename_new(copy.hidden, copy.visible);
        if (!done) break;
        copy.renamed = true;
        directories.push_back(copy.directory);
    }
    std::sort(directories.begin(), directories.end());
    directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
    for (const std::string& directory : directories) {
        if (done) done = syncs_->sync(directory);
    }
    if (done) return {};
    for (const Delivery& each : deliveries) {
        if (each.state_->renamed) (void)disk_.remove(each.state_->visible);  // see (1)
    }
    return passing(done.error());
}

Result<> Store::sync(const std::string& directory) { return syncs_->sync(directory); }

}  // namespace mailhandler::store
