// What is built from the disk's own calls, the same on every disk.
#include <boost/filesystem/path.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "disk/interface.hpp"

namespace mailhandler::disk {

std::string parent_path(const std::string& path) {
    const boost::filesystem::path parent = boost::filesystem::path(path).parent_path();
    return parent.empty() ? "." : parent.string();
}

std::string file_name(const std::string& path) {
    return boost::filesystem::path(path).filename().string();
}

Result<> Disk::sync_together(std::span<File* const> files,
                             std::span<const std::string> directories) {
    // Begun together, all get into one journal commit of the kernel's: the first sync carries the
    // others.
    if (files.size() > 1) {
        for (File* file : files) file->start_sync();
    }
    for (File* file : files) {
        if (auto synced = file->sync(); !synced) return synced;
    }
    for (const std::string& directory : directories) {
        if (auto synced = sync_directory(directory); !synced) return synced;
    }
    return {};
}

Result<std::vector<Entry>> Disk::list(const std::string& path) {
    const auto names = this->names(path);
    if (!names) return tl::unexpected(names.error());
    std::vector<Entry> entries;
    entries.reserve(names->size());
    for (const Names::Name& name : *names)
        entries.push_back({std::string(name.text()), name.kind()});
    return entries;
}

std::chrono::milliseconds tick(WallTime modified) {
    const auto since = modified.time_since_epoch();
    const bool whole = since == std::chrono::floor<std::chrono::seconds>(since);
    return whole ? std::chrono::seconds(2) : std::chrono::milliseconds(20);
}

bool exists(Disk& disk, const std::string& path) { return disk.status(path).has_value(); }

Result<std::string> read_file(Disk& disk, const std::string& path, std::uint64_t limit) {
    auto file = disk.open(path);
    if (!file) return tl::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return tl::unexpected(size.error());
    if (*size > limit) return fail_errno(path, "cannot read", EFBIG);
    // One octet more than the size, so that the usual file is read in one call and its end seen.
    std::string content(*size + 1, '\0');
    for (std::size_t filled = 0;;) {
        const auto got = (*file)->read_at(filled, content.data() + filled, content.size() - filled);
        if (!got) return tl::unexpected(got.error());
        filled += *got;
        if (*got == 0) {
            content.resize(filled);
            return content;
        }
        if (filled > limit) return fail_errno(path, "cannot read", EFBIG);
        if (filled == content.size()) content.resize(content.size() * 2);
    }
}

Result<> make_directories(Disk& disk, const std::string& path, unsigned mode) {
    const auto there = disk.status(path);
    if (there && there->kind == Kind::directory) return {};
    if (!there && there.error().error != ENOENT) return tl::unexpected(there.error());
    const std::string parent = parent_path(path);
    // A link to a directory is followed by make_directory's mkdir(2) only where it is a parent.
    if (!there && parent != path) {
        if (auto made = make_directories(disk, parent, mode); !made) return made;
    }
    if (auto made = disk.make_directory(path, mode); !made) return made;
    return disk.sync_directory(parent);
}

namespace {

// What is replaced stays whose it was.
Result<> own(Disk& disk, File& file, const std::string& path) {
    const auto old = disk.status(path);
    if (!old || old->kind != Kind::file) return {};
    Result<> done = file.set_owner(old->user, old->group);
    return done ? file.set_mode(old->mode) : done;
}

// A new file beside `path`, with `content`, to be renamed over it; `beside` is its name. The name begins
// with a dot: nobody who lists the directory takes it for a file of theirs.
Result<std::unique_ptr<File>> write_beside(Disk& disk, const std::string& path,
                                           std::string_view content, unsigned mode,
                                           std::string& beside) {
    Result<std::unique_ptr<File>> file;
    // One that is there belongs to another thread, or was left by a crash: neither may stop us.
    for (unsigned attempt = 0; attempt < 1000; ++attempt) {
        beside = fmt::format("{}/.{}.{}.{}.new", parent_path(path), file_name(path), ::getpid(),
                             attempt);
        file = disk.create(beside, mode);
        if (file || file.error().error != EEXIST) break;
    }
    if (!file) return file;
    Result<> done = own(disk, **file, path);
    if (done) done = (*file)->write(content);
    if (done) return file;
    file->reset();
    (void)disk.remove(beside);
    return tl::unexpected(done.error());
}

// What was written comes to its place; the fault that is told is the first one.
Result<> put_in_place(Disk& disk, Result<> done, const std::string& beside,
                      const std::string& path) {
    if (done) done = disk.rename(beside, path);
    if (!done) (void)disk.remove(beside);
    return done;
}

}  // namespace

Result<std::unique_ptr<File>> make_file(Disk& disk, const std::string& path,
                                        std::string_view content, unsigned mode) {
    std::string beside;
    auto file = write_beside(disk, path, content, mode, beside);
    if (!file) return file;
    if (auto done = put_in_place(disk, {}, beside, path); !done) return tl::unexpected(done.error());
    return file;
}

Result<> replace_file(Disk& disk, const std::string& path, std::string_view content,
                      unsigned mode) {
    std::string beside;
    auto file = write_beside(disk, path, content, mode, beside);
    if (!file) return tl::unexpected(file.error());
    if (auto done = put_in_place(disk, (*file)->sync(), beside, path); !done) return done;
    return disk.sync_directory(parent_path(path));
}

Result<> remove_tree(Disk& disk, const std::string& path) {
    const auto status = disk.status(path);
    if (!status) return tl::unexpected(status.error());
    if (status->kind == Kind::directory) {
        const auto entries = disk.list(path);
        if (!entries) return tl::unexpected(entries.error());
        for (const Entry& entry : *entries) {
            const std::string below = path + '/' + entry.name;
            auto removed = entry.kind == Kind::directory ? remove_tree(disk, below)
                                                         : disk.remove(below);
            if (!removed && removed.error().error != ENOENT) return removed;
        }
    }
    return disk.remove(path);
}

}  // namespace mailhandler::disk
