#include "store/node.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace mailhandler::store {

namespace {

constexpr std::size_t most_octets = 24;

std::string host_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0) return {};
    return name;
}

// FNV-1a: the same on every machine and in every version, for it becomes part of file names.
std::uint32_t hash(std::string_view text) {
    std::uint32_t value = 2166136261u;
    for (const char each : text) value = (value ^ static_cast<unsigned char>(each)) * 16777619u;
    return value;
}

bool fits(char each) {
    return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
           (each >= '0' && each <= '9') || each == '.' || each == '_' || each == '-';
}

}  // namespace

std::string node_id(std::string_view configured) {
    const std::string given = configured.empty() ? host_name() : std::string(configured);
    std::string id = given;
    for (char& each : id) {
        if (!fits(each)) each = '-';
    }
    if (id.empty()) return "node";
    if (id.front() == '.') id.front() = '-';
    if (id.size() > most_octets) id = fmt::format("{}-{:08x}", id.substr(0, most_octets - 9), hash(given));
    return id;
}

Result<std::unique_ptr<disk::Lock>> take_serve_lock(disk::Disk& disk, const Layout& layout) {
    if (auto made = disk::make_directories(disk, layout.state_dir()); !made) {
        return tl::unexpected(made.error());
    }
    auto lock = disk.lock(layout.serve_lock(), false);
    if (!lock && lock.error().error == EWOULDBLOCK) {
        lock.error().cause = "another `serve` is running on this root";
    }
    return lock;
}

}  // namespace mailhandler::store
