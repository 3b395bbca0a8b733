#include "disk/system_names.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "disk/descriptor.hpp"

namespace mailhandler::disk {

namespace {

// A small directory fits into the first; a large one is read by calls that are worth their while.
constexpr std::size_t first_block = 32 * 1024, next_block = 256 * 1024;

Kind kind_of(int directory, const dirent64& entry) {
    if (entry.d_type == DT_REG) return Kind::file;
    if (entry.d_type == DT_DIR) return Kind::directory;
    struct stat status;
    if (entry.d_type != DT_UNKNOWN ||
        ::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return Kind::other;
    if (S_ISREG(status.st_mode)) return Kind::file;
    return S_ISDIR(status.st_mode) ? Kind::directory : Kind::other;
}

// The entries of one block, as getdents64(2) lays them out.
void add_block(int directory, std::unique_ptr<char[]> block, std::size_t size, Names& names) {
    for (std::size_t at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const dirent64*>(block.get() + at);
        at += entry->d_reclen;
        const std::size_t length = std::strlen(entry->d_name);
        if (entry->d_name[0] == '.' && (length == 1 || (length == 2 && entry->d_name[1] == '.')))
            continue;
        names.add({entry->d_name, static_cast<std::uint16_t>(length), kind_of(directory, *entry)});
    }
    names.keep(std::move(block), size);
}

std::unique_ptr<char[]> uninitialised(std::size_t size) {
    return std::unique_ptr<char[]>(new char[size]);
}

}  // namespace

Result<Names> read_names(const std::string& path) {
    const Descriptor directory(
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!directory) return fail_errno(path, "cannot open", errno);
    Names names;
    alignas(dirent64) char first[first_block];
    for (bool small = true;; small = false) {
        std::unique_ptr<char[]> block = small ? nullptr : uninitialised(next_block);
        const auto got = uninterrupted([&] {
            return ::getdents64(directory.number(), small ? first : block.get(),
                                small ? first_block : next_block);
        });
        if (got < 0) return fail_errno(path, "cannot read", errno);
        if (got == 0) break;
        const auto size = static_cast<std::size_t>(got);
        if (size < next_block / 2) {  // what stays is as large as it has to be
            auto exact = uninitialised(size);
            std::memcpy(exact.get(), small ? first : block.get(), size);
            block = std::move(exact);
        }
        add_block(directory.number(), std::move(block), size, names);
    }
    names.shrink();
    return names;
}

}  // namespace mailhandler::disk
