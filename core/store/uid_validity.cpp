#include "store/uid_validity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "store/dotlock.hpp"

namespace mailhandler::store {

namespace {

constexpr std::uint64_t largest_record = 1 << 20;
constexpr std::size_t much_history = 4096;  // octets

// The greatest of all whole lines; what is no number was torn by a crash.
std::uint64_t greatest(std::string_view text) {
    std::uint64_t found = 0;
    for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
        std::uint64_t number = 0;
        const auto [at, error] = std::from_chars(text.data(), text.data() + end, number);
        if (error == std::errc() && at == text.data() + end) found = std::max(found, number);
        text.remove_prefix(end + 1);
    }
    return found;
}

}  // namespace

Result<UidValidity> new_uid_validity(disk::Disk& disk, const Clock& clock,
                                     const std::string& account, std::uint32_t above) {
    const std::string path = account + "/mailhandler-uidvalidity";
    auto lock = Dotlock::take(disk, clock, path);
    if (!lock) return tl::unexpected(lock.error());
    const auto text = disk::read_file(disk, path, largest_record);
    if (!text && text.error().error != ENOENT) return tl::unexpected(text.error());
    const std::string before = text ? *text : std::string();
    const std::uint64_t last = std::max<std::uint64_t>(above, greatest(before));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        clock.wall().time_since_epoch());
    const std::uint64_t next =
        std::max<std::uint64_t>(last + 1, static_cast<std::uint64_t>(seconds.count()));
    if (next > std::numeric_limits<std::uint32_t>::max())
        return fail(path, "there is no UIDVALIDITY left", false);
    const std::string line = fmt::format("{}\n", next);
    if (before.size() > much_history)
        if (auto done = disk::replace_file(disk, path, line); !done)
            return tl::unexpected(done.error());
    auto file = disk.append(path);
    if (!file) return tl::unexpected(file.error());
    const bool torn = !before.empty() && before.back() != '\n';
    if (before.size() <= much_history)
        if (auto done = (*file)->write(torn ? '\n' + line : line); !done)
            return tl::unexpected(done.error());
    return UidValidity{static_cast<std::uint32_t>(next), std::move(*file)};
}

}  // namespace mailhandler::store
