#include "disk/whole_sync.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "disk/descriptor.hpp"
#include "disk/system_file.hpp"

namespace mailhandler::disk {

namespace {

// Fewer than these are synced sooner one by one: a syncfs(2) waits for everybody's writes.
constexpr std::size_t many = 16;

constexpr long xfs_magic = 0x58465342;  // linux/magic.h does not have it

bool carries_everything(int number) {
    struct statfs about;
    if (::fstatfs(number, &about) != 0) return false;
    const long kinds[] = {EXT4_SUPER_MAGIC, xfs_magic, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                          TMPFS_MAGIC};
    return std::find(std::begin(kinds), std::end(kinds), about.f_type) != std::end(kinds);
}

// One descriptor of each file system that is to be synced.
class Devices {
  public:
    // `owned` is kept open as long as it is needed; else `number` is somebody's who outlives us.
    bool add(int number, Descriptor owned = Descriptor()) {
        struct stat status;
        if (::fstat(number, &status) != 0) return false;
        const auto [at, first] = numbers_.try_emplace(status.st_dev, number);
        if (!first) return true;
        owned_.push_back(std::move(owned));
        return carries_everything(number);
    }
    bool sync() const {
        return std::all_of(numbers_.begin(), numbers_.end(), [](const auto& device) {
            return uninterrupted([&] { return ::syncfs(device.second); }) == 0;
        });
    }

  private:
    std::map<dev_t, int> numbers_;
    std::vector<Descriptor> owned_;
};

}  // namespace

bool sync_whole(std::span<File* const> files, std::span<const std::string> directories) {
    if (files.size() + directories.size() < many) return false;
    Devices devices;
    std::vector<SystemFile*> ours;
    for (File* file : files) {
        auto* system = dynamic_cast<SystemFile*>(file);
        if (!system || !devices.add(system->number())) return false;
        ours.push_back(system);
    }
    for (const std::string& path : directories) {
        Descriptor directory(uninterrupted(
            [&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
        const int number = directory.number();
        if (!directory || !devices.add(number, std::move(directory))) return false;
    }
    if (!devices.sync()) return false;
    // syncfs(2) tells of a file's lost pages only since Linux 5.8; the file itself always knows.
    return std::all_of(ours.begin(), ours.end(), [](SystemFile* file) { return file->written(); });
}

}  // namespace mailhandler::disk
