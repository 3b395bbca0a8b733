// The machine's own disk: POSIX calls, none more than the work needs.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cstdio>

#include "disk/descriptor.hpp"
#include "disk/interface.hpp"
#include "disk/system_file.hpp"
#include "disk/system_names.hpp"
#include "disk/whole_sync.hpp"

namespace mailhandler::disk {

namespace {

class SystemLock final : public Lock {
  public:
    explicit SystemLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  private:
    Descriptor descriptor_;  // closing it lets go
};

Kind kind_of(mode_t mode) {
    if (S_ISREG(mode)) return Kind::file;
    return S_ISDIR(mode) ? Kind::directory : Kind::other;
}

WallTime wall_time(const timespec& time) {
    const auto since =
        std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    return WallTime(std::chrono::duration_cast<WallTime::duration>(since));
}

Descriptor open_path(const std::string& path, int flags, unsigned mode = 0) {
    return Descriptor(
        uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
}

// The kernel makes a UUID at each start: its first 64 bits. 0 where there is none to read.
std::uint64_t run_of_machine() {
    const Descriptor file = open_path("/proc/sys/kernel/random/boot_id", O_RDONLY);
    char text[64];
    const ssize_t size = file ? ::read(file.number(), text, sizeof text) : 0;
    std::uint64_t run = 0;
    int digits = 0;
    for (ssize_t at = 0; at < size && digits < 16; ++at) {
        const char c = text[at];
        if (c == '-') continue;
        if (!std::isxdigit(static_cast<unsigned char>(c))) return 0;
        run = run << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        ++digits;
    }
    return digits == 16 ? run : 0;
}

// What root has just made becomes its directory's owner's. Only a descriptor is certain to be what was
// made: the directory's owner may put a link to anything in the place of a name. An owner who has no
// number in our user namespace (EINVAL) can be given nothing.
bool give_to_owner(const Descriptor& made, const std::string& path) {
    if (::geteuid() != 0) return true;
    const auto slash = path.rfind('/');
    const std::string above = slash == path.npos ? "." : path.substr(0, slash + 1);
    struct stat owner;
    if (::stat(above.c_str(), &owner) != 0) return false;
    if (owner.st_uid == 0 && owner.st_gid == ::getegid()) return true;
    return ::fchown(made.number(), owner.st_uid, owner.st_gid) == 0 || errno == EINVAL;
}

// A file that is not there: O_EXCL, so that no link is followed. Gone again where it cannot be given
// to whom it is to belong.
Descriptor make_file(const std::string& path, int flags, unsigned mode) {
    Descriptor made = open_path(path, flags | O_CREAT | O_EXCL, mode);
    if (!made || give_to_owner(made, path)) return made;
    const int error = errno;
    ::unlink(path.c_str());
    errno = error;
    return Descriptor();
}

// A file that is there or not. EEXIST: a link that leads nowhere stands there.
Descriptor open_or_make(const std::string& path, int flags, unsigned mode) {
    if (::geteuid() != 0) return open_path(path, flags | O_CREAT, mode);
    Descriptor file;
    for (int attempt = 0; attempt < 3; ++attempt) {
        file = open_path(path, flags);
        if (file || errno != ENOENT) break;
        file = make_file(path, flags, mode);
        if (file || errno != EEXIST) break;  // else somebody else was as early
    }
    return file;
}

class SystemDisk final : public Disk {
  public:
    Result<std::unique_ptr<File>> create(const std::string& path, unsigned mode) override {
        return opened(make_file(path, O_RDWR, mode), path, "cannot create");
    }
    Result<std::unique_ptr<File>> append(const std::string& path, unsigned mode) override {
        return opened(open_or_make(path, O_RDWR | O_APPEND, mode), path, "cannot open");
    }
    Result<std::unique_ptr<File>> open(const std::string& path) override {
        return opened(open_path(path, O_RDONLY), path, "cannot open");
    }
    Result<std::unique_ptr<File>> overwrite(const std::string& path) override;
    Result<std::unique_ptr<File>> scratch(const std::string& directory) override;

    Result<> rename(const std::string& from, const std::string& to) override {
        return done(::rename(from.c_str(), to.c_str()), to, "cannot rename to it");
    }
    Result<> rename_new(const std::string& from, const std::string& to) override;
    Result<> link(const std::string& from, const std::string& to) override {
        return done(::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0), to,
                    "cannot link to it");
    }
    Result<> remove(const std::string& path) override {
        return done(::remove(path.c_str()), path, "cannot remove");
    }
    Result<> sync_directory(const std::string& path) override;
    Result<> sync_together(std::span<File* const> files,
                           std::span<const std::string> directories) override {
        if (sync_whole(files, directories)) return {};
        return Disk::sync_together(files, directories);
    }

    Result<> make_directory(const std::string& path, unsigned mode) override;
    Result<Names> names(const std::string& path) override { return read_names(path); }
    Result<Status> status(const std::string& path) override;
    Result<std::unique_ptr<Lock>> lock(const std::string& path, bool wait) override;
    std::uint64_t run() const override { return run_; }

  private:
    static Result<> done(int result, const std::string& path, std::string_view doing) {
        if (result == 0) return {};
        return fail_errno(path, doing, errno);
    }
    static Result<std::unique_ptr<File>> opened(Descriptor descriptor, const std::string& path,
                                                std::string_view doing) {
        if (!descriptor) return fail_errno(path, doing, errno);
        return std::make_unique<SystemFile>(std::move(descriptor), path);
    }

    std::atomic<std::uint64_t> scratch_count_{0};
    const std::uint64_t run_ = run_of_machine();
};

Result<std::unique_ptr<File>> SystemDisk::overwrite(const std::string& path) {
    Descriptor file = open_path(path, O_RDWR | O_NOFOLLOW);
    struct stat status;
    if (file && ::fstat(file.number(), &status) == 0 && status.st_nlink != 1)
        return fail_errno(path, "cannot write over it", EMLINK);
    return opened(std::move(file), path, "cannot open");
}

Result<std::unique_ptr<File>> SystemDisk::scratch(const std::string& directory) {
    if (Descriptor unnamed = open_path(directory, O_RDWR | O_TMPFILE, 0600)) {
        return std::make_unique<SystemFile>(std::move(unnamed), directory);
    }
    if (errno != EOPNOTSUPP && errno != EISDIR) {
        return fail_errno(directory, "cannot create a file in", errno);
    }
    // A file system without O_TMPFILE. A crash between the two calls leaves the name; whoever
    // owns the directory removes what is old there at start.
    const std::string path = fmt::format("{}/scratch.{}.{}", directory, ::getpid(),
                                         scratch_count_.fetch_add(1));
    auto file = create(path, 0600);
    if (file) ::unlink(path.c_str());
    return file;
}

Result<> SystemDisk::rename_new(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
        return {};
    }
    if (errno != EINVAL && errno != ENOSYS) return fail_errno(to, "cannot rename to it", errno);
    // A file system that cannot: looked at first. Names are made to be unique; this only
    // keeps a clock that was set back from replacing mail.
    struct stat there;
    if (::lstat(to.c_str(), &there) == 0) return fail_errno(to, "cannot rename to it", EEXIST);
    return rename(from, to);
}

Result<> SystemDisk::sync_directory(const std::string& path) {
    Descriptor directory = open_path(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return fail_errno(path, "cannot open", errno);
    return done(uninterrupted([&] { return ::fsync(directory.number()); }), path, "cannot sync");
}

Result<> SystemDisk::make_directory(const std::string& path, unsigned mode) {
    if (::mkdir(path.c_str(), mode) != 0) {
        if (errno == EEXIST) return {};
        return fail_errno(path, "cannot make directory", errno);
    }
    if (::geteuid() != 0) return {};
    const Descriptor made = open_path(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (made && give_to_owner(made, path)) return {};
    return fail_errno(path, "cannot give it its owner and group", errno);
}

Result<Status> SystemDisk::status(const std::string& path) {
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) return fail_errno(path, "cannot stat", errno);
    return Status{kind_of(status.st_mode), static_cast<std::uint64_t>(status.st_size),
                  wall_time(status.st_mtim), static_cast<std::uint64_t>(status.st_ino),
                  status.st_mode & 07777u, status.st_uid, status.st_gid,
                  wall_time(status.st_ctim)};
}

Result<std::unique_ptr<Lock>> SystemDisk::lock(const std::string& path, bool wait) {
    Descriptor descriptor = open_or_make(path, O_RDWR, 0600);
    if (!descriptor) return fail_errno(path, "cannot open", errno);
    const int how = LOCK_EX | (wait ? 0 : LOCK_NB);
    if (uninterrupted([&] { return ::flock(descriptor.number(), how); }) != 0) {
        return fail_errno(path, "cannot lock", errno);
    }
    return std::make_unique<SystemLock>(std::move(descriptor));
}

}  // namespace

std::unique_ptr<Disk> system_disk() { return std::make_unique<SystemDisk>(); }

}  // namespace mailhandler::disk
