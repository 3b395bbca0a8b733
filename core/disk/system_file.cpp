#include "disk/system_file.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <vector>

namespace mailhandler::disk {

namespace {

// More parts than one writev(2) takes are written in turns of this many (IOV_MAX is 1024).
constexpr std::size_t most_parts = 64;
constexpr std::size_t copy_block = 256 * 1024;

}  // namespace

SystemFile::SystemFile(Descriptor descriptor, std::string path)
    : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

tl::unexpected<Fault> SystemFile::fault(std::string_view doing, int error) const {
    return fail_errno(path_, doing, error);
}

Result<> SystemFile::write(std::span<const std::string_view> parts) {
    if (given_up_) return fault("cannot write after a failed sync", given_up_);
    std::size_t part = 0, done = 0;  // octets of parts[part] that are written
    std::array<iovec, most_parts> vector;
    while (part < parts.size()) {
        std::size_t count = 0;
        for (std::size_t at = part; at < parts.size() && count < most_parts; ++at) {
            const std::string_view rest = parts[at].substr(at == part ? done : 0);
            vector[count++] = {const_cast<char*>(rest.data()), rest.size()};
        }
        const ssize_t wrote = uninterrupted([&] {
            return ::writev(descriptor_.number(), vector.data(), static_cast<int>(count));
        });
        if (wrote < 0) return fault("cannot write", errno);
        std::size_t left = static_cast<std::size_t>(wrote);
        for (std::size_t offered = 0; offered < count && part < parts.size(); ++offered) {
            const std::size_t open = parts[part].size() - done;
            if (left < open) {
                done += left;
                break;
            }
            left -= open;
            ++part;
            done = 0;
        }
    }
    return {};
}

Result<std::size_t> SystemFile::read_at(std::uint64_t offset, char* into, std::size_t size) {
    const ssize_t got = uninterrupted(
        [&] { return ::pread(descriptor_.number(), into, size, static_cast<off_t>(offset)); });
    if (got < 0) return fault("cannot read", errno);
    return static_cast<std::size_t>(got);
}

Result<> SystemFile::append_from(File& source, std::uint64_t offset, std::uint64_t length) {
    if (given_up_) return fault("cannot write after a failed sync", given_up_);
    auto* other = dynamic_cast<SystemFile*>(&source);
    loff_t from = static_cast<loff_t>(offset);
    while (other && length > 0) {
        const ssize_t copied = uninterrupted([&] {
            return ::copy_file_range(other->descriptor_.number(), &from, descriptor_.number(),
                                     nullptr, length, 0);
        });
        // Not between these two files (EXDEV, an O_APPEND target, an old kernel): read and write.
        // What is a fault of the disk itself comes back from there.
        if (copied <= 0) break;
        length -= static_cast<std::uint64_t>(copied);
    }
    return copy(source, static_cast<std::uint64_t>(from), length);
}

Result<> SystemFile::copy(File& source, std::uint64_t offset, std::uint64_t length) {
    if (length == 0) return {};
    std::vector<char> block(std::min<std::uint64_t>(length, copy_block));
    while (length > 0) {
        const auto got = source.read_at(offset, block.data(),
                                        std::min<std::uint64_t>(length, block.size()));
        if (!got) return tl::unexpected(got.error());
        if (*got == 0) return fail(path_, "the source is shorter than it should be");
        if (auto wrote = File::write(std::string_view(block.data(), *got)); !wrote) return wrote;
        offset += *got;
        length -= *got;
    }
    return {};
}

void SystemFile::start_sync() {
    ::sync_file_range(descriptor_.number(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

Result<> SystemFile::sync() {
    if (given_up_) return fault("cannot sync after a failed sync", given_up_);
    if (uninterrupted([&] { return ::fdatasync(descriptor_.number()); }) == 0) return {};
    given_up_ = errno;
    return fault("cannot sync", given_up_);
}

bool SystemFile::written() {
    constexpr unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                             SYNC_FILE_RANGE_WAIT_AFTER;
    if (!given_up_ && ::sync_file_range(descriptor_.number(), 0, 0, all) != 0) given_up_ = errno;
    return given_up_ == 0;
}

Result<> SystemFile::truncate(std::uint64_t size) {
    if (uninterrupted(
            [&] { return ::ftruncate(descriptor_.number(), static_cast<off_t>(size)); }) != 0) {
        return fault("cannot cut", errno);
    }
    // Appending goes on at the new end, also where the file was not opened with O_APPEND.
    if (::lseek(descriptor_.number(), static_cast<off_t>(size), SEEK_SET) < 0) {
        return fault("cannot seek", errno);
    }
    return {};
}

Result<std::uint64_t> SystemFile::size() {
    struct stat status;
    if (::fstat(descriptor_.number(), &status) != 0) return fault("cannot stat", errno);
    return static_cast<std::uint64_t>(status.st_size);
}

Result<> SystemFile::set_owner(unsigned user, unsigned group) {
    struct stat status;
    if (::fstat(descriptor_.number(), &status) != 0) return fault("cannot stat", errno);
    if (status.st_uid == user && status.st_gid == group) return {};
    if (::fchown(descriptor_.number(), user, group) == 0) return {};
    if (errno == EPERM && ::fchown(descriptor_.number(), static_cast<uid_t>(-1), group) == 0) {
        return {};
    }
    return fault("cannot give it its owner and group", errno);
}

Result<> SystemFile::set_modified(WallTime when) {
    const auto nanoseconds =
        std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(nanoseconds);
    timespec times[2] = {};
    times[0].tv_nsec = UTIME_OMIT;  // of the last reading
    times[1].tv_sec = static_cast<time_t>(seconds.count());
    times[1].tv_nsec = static_cast<long>((nanoseconds - seconds).count());
    if (::futimens(descriptor_.number(), times) == 0) return {};
    return fault("cannot date it", errno);
}

Result<> SystemFile::set_mode(unsigned mode) {
    if (::fchmod(descriptor_.number(), mode) == 0) return {};
    return fault("cannot give it its mode", errno);
}

}  // namespace mailhandler::disk
