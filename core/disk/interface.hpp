// The disk, small enough to fake. Everything that stores mail or configuration goes through
// this, so that tests can run it on a disk that forgets what was not synced and that can be
// cut, filled or broken at any single step.
//
// Paths are strings in the native encoding. Every call blocks; none is to be made on the
// network thread but for configuration at start. All calls are safe from several threads; a
// File belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/names.hpp"

namespace mailhandler::disk {

// A file open for writing or reading. Destroyed = closed, without a sync.
class File {
  public:
    virtual ~File() = default;
    // Appends all of `parts`, in order; in a file opened by overwrite(), behind what was written.
    virtual Result<> write(std::span<const std::string_view> parts) = 0;
    Result<> write(std::string_view text) { return write(std::span(&text, 1)); }
    // Reads up to `size` octets at `offset` into `into`; 0 is the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) = 0;
    // Appends `length` octets of `source` from `offset`, by copy_file_range(2) where that works.
    virtual Result<> append_from(File& source, std::uint64_t offset, std::uint64_t length) = 0;
    // Asks the kernel to begin writing what was appended, without waiting: of many files that
    // are to be synced together, the first sync then carries the others. A hint; cannot fail.
    virtual void start_sync() {}
    // fdatasync(2): afterwards the content and the size survive a power cut. A file whose sync
    // failed is given up: what the kernel had dropped by then is gone, so every later write and
    // sync of it fails too and none is ever reported as done.
    virtual Result<> sync() = 0;
    // Cuts the file to `size` octets (a torn last line of a log).
    virtual Result<> truncate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() = 0;
    // fchown(2), fchmod(2): what the file is to be before its content is written. Where the owner
    // may not be given away (we are not root), the group alone; where not even that, a fault. A
    // disk without owners has nothing to do.
    virtual Result<> set_owner(unsigned /*user*/, unsigned /*group*/) { return {}; }
    virtual Result<> set_mode(unsigned /*mode*/) { return {}; }
    // futimens(2): the modification time, until something is written again.
    virtual Result<> set_modified(WallTime when) = 0;
};

struct Entry {
    std::string name;
    Kind kind = Kind::file;
};

struct Status {
    Kind kind = Kind::file;
    std::uint64_t size = 0;
    WallTime modified{};
    std::uint64_t inode = 0;
    unsigned mode = 0;  // permission bits
    unsigned user = 0, group = 0;  // the numbers of its owners
    WallTime changed{};  // ctime: like `modified`, but nobody can set it; a fake may leave it out
};

// How long after a change another one may leave modification time and `changed` as they are: the
// file system's clock ticks. 20 milliseconds, or two seconds where it counts in seconds.
std::chrono::milliseconds tick(WallTime modified);

// An advisory lock on a file, held until destroyed. Crash-proof: the kernel lets go of it.
class Lock {
  public:
    virtual ~Lock() = default;
};

class Disk {
  public:
    virtual ~Disk() = default;

    // What root makes, by any of these, becomes its directory's owner's: a server that runs as another
    // user has to read, lock and remove what a command run by root has put there.

    // Makes a file that did not exist (O_EXCL); fails with EEXIST. Mode 0600 unless given.
    virtual Result<std::unique_ptr<File>> create(const std::string& path, unsigned mode = 0600) = 0;
    // Opens for appending, making the file when it is missing.
    virtual Result<std::unique_ptr<File>> append(const std::string& path, unsigned mode = 0600) = 0;
    virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
    // Opens a file that is there for writing over it, from its start: what is not written over stays.
    // EMLINK where it has another name too, for whoever made that does not expect a change.
    virtual Result<std::unique_ptr<File>> overwrite(const std::string& path) = 0;
    // A file without a name in `directory`, for writing and reading: it is gone when it is closed
    // and after a crash (O_TMPFILE where the file system has it).
    virtual Result<std::unique_ptr<File>> scratch(const std::string& directory) = 0;

    // rename(2): atomic, replaces; the two directories may differ but not the file system.
    virtual Result<> rename(const std::string& from, const std::string& to) = 0;
    // The same, but never over something that is there: EEXIST (renameat2(2), RENAME_NOREPLACE).
    virtual Result<> rename_new(const std::string& from, const std::string& to) = 0;
    // link(2): a second name for a file, never over something that is there. A link itself is not
    // followed. EPERM, EXDEV, EMLINK and the like where it cannot be.
    virtual Result<> link(const std::string& from, const std::string& to) = 0;
    // remove(3): a file, a link or an empty directory.
    virtual Result<> remove(const std::string& path) = 0;
    // fsync(2) on a directory: afterwards its entries survive a power cut.
    virtual Result<> sync_directory(const std::string& path) = 0;

    // What File::sync() of each and then sync_directory() of each would do, for many that were
    // written together: where there are enough of them, by one syncfs(2) for their file system,
    // which costs a tenth but also waits for what others are writing there.
    virtual Result<> sync_together(std::span<File* const> files,
                                   std::span<const std::string> directories);

    // Makes one directory; succeeds quietly when it is there. The parent must exist.
    virtual Result<> make_directory(const std::string& path, unsigned mode = 0700) = 0;
    // The entries of a directory without "." and "..", in no order. Links are `other`.
    virtual Result<Names> names(const std::string& path) = 0;
    // The same, for directories that are never large.
    Result<std::vector<Entry>> list(const std::string& path);
    virtual Result<Status> status(const std::string& path) = 0;  // lstat(2): no link is followed

    // flock(2) on the file, made when missing. `wait` false: fails at once with EWOULDBLOCK.
    virtual Result<std::unique_ptr<Lock>> lock(const std::string& path, bool wait) = 0;

    // Which run of the machine this is: another number after whatever may have lost what was not
    // synced. Two processes of one run are told the same, so what one wrote the other can read, synced
    // or not. 0: not known, and then nothing is to be believed that was not synced.
    virtual std::uint64_t run() const { return 0; }
};

// The machine's own disk.
std::unique_ptr<Disk> system_disk();

// --- what is built from those, the same on every disk -----------------------------------

bool exists(Disk& disk, const std::string& path);

// The whole file. Fails with EFBIG when it is larger than `limit` octets.
Result<std::string> read_file(Disk& disk, const std::string& path,
                              std::uint64_t limit = 1ull << 30);

// Makes every missing directory of `path`, and syncs each parent that gained an entry.
Result<> make_directories(Disk& disk, const std::string& path, unsigned mode = 0700);

// Replaces `path` with `content` so that a crash leaves the old or the new, never a mixture:
// a temporary file beside it, written, synced, renamed over it, and the directory synced. A file
// that is there keeps its mode, owner and group (a fault, and nothing changed, where we may not
// even give it its group); a new one has `mode`.
Result<> replace_file(Disk& disk, const std::string& path, std::string_view content,
                      unsigned mode = 0600);

// The same without the syncs: whoever looks finds the old or the new, a crash may leave anything. For a
// file that can be lost until it and its directory are synced.
Result<std::unique_ptr<File>> make_file(Disk& disk, const std::string& path,
                                        std::string_view content, unsigned mode = 0600);

// Removes a directory and all below it. Symbolic links are removed, never followed.
Result<> remove_tree(Disk& disk, const std::string& path);

// dirname(3) and the last component, without a copy of the file system's opinion.
std::string parent_path(const std::string& path);
std::string file_name(const std::string& path);

}  // namespace mailhandler::disk
