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
    std::string maildir, hidden, visible;  // paths; in tmp/, in new/
    std::unique_ptr<disk::File> file;
    std::uint64_t size = 0;
    bool renamed = false;

    State(disk::Disk& on, const std::string& in) : disk(on), maildir(in) {}
    // Nobody can still want what was not renamed. A file that cannot be removed now is removed
    // with the other leftovers.
    ~State() {
        if (!file || renamed) return;
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

}  // namespace

Result<Delivery> Delivery::write(disk::Disk& disk, const std::string& maildir,
                                 const std::string& base_name,
                                 std::span<const std::string_view> parts, disk::File* spilled,
                                 std::string_view after) {
    std::uint64_t spilled_size = 0, size = after.size();
    if (spilled) {
        const auto known = spilled->size();
        if (!known) return passing(known.error());
        size += spilled_size = *known;
    }
    for (const std::string_view part : parts) size += part.size();

    auto state = std::make_unique<State>(disk, maildir);
    state->hidden = fmt::format("{}/tmp/{}", maildir, base_name);
    state->visible = fmt::format("{}/new/{},S={},W={}", maildir, base_name, size, size);
    state->size = size;
    auto file = create_in_tmp(disk, maildir, state->hidden);
    if (!file) return passing(file.error());
    state->file = std::move(*file);

    std::vector<std::string_view> pieces(parts.begin(), parts.end());
    Result<> done;
    if (spilled) {
        done = state->file->write(pieces);
        if (done) done = state->file->append_from(*spilled, 0, spilled_size);
        if (done && !after.empty()) done = state->file->write(after);
    } else {
        pieces.push_back(after);
        done = state->file->write(pieces);
    }
    if (!done) return passing(done.error());
    return Delivery(std::move(state));
}

Store::Store(disk::Disk& disk) : disk_(disk), syncs_(std::make_unique<DirectorySyncs>(disk)) {}
Store::~Store() = default;

Result<> Store::commit(std::vector<Delivery> deliveries) {
    // Begun together, all files get into one journal commit of the kernel's: the first sync
    // carries the others.
    if (deliveries.size() > 1) {
        for (const Delivery& each : deliveries) each.state_->file->start_sync();
    }
    for (const Delivery& each : deliveries) {
        if (auto synced = each.state_->file->sync(); !synced) return passing(synced.error());
    }
    Result<> done;
    std::vector<std::string> directories;
    for (Delivery& each : deliveries) {
        Delivery::State& copy = *each.state_;
        done = disk_.rename_new(copy.hidden, copy.visible);
        if (!done) break;
        copy.renamed = true;
        directories.push_back(copy.maildir + "/new");
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

}  // namespace mailhandler::store
