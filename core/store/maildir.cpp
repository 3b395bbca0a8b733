#include "store/maildir.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>

#include "store/message_flags.hpp"
#include "store/node.hpp"

namespace mailhandler::store {

namespace {

// The number after `tag` (",S="), which stands between the base name and the flags.
std::optional<std::uint64_t> number_after(std::string_view fields, std::string_view tag) {
    const auto at = fields.find(tag);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = fields.substr(at + tag.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || end == rest.data()) return {};
    if (end != rest.data() + rest.size() && *end != ',') return {};
    return number;
}

// The decimal digits that a base name begins with, without leading zeros: the delivery's seconds.
// Asked twenty times a message by every sort of a large mailbox; find_first_not_of() costs ten times
// as much.
std::string_view leading_number(std::string_view base) {
    std::size_t begin = 0;
    while (begin < base.size() && base[begin] == '0') ++begin;
    std::size_t end = begin;
    while (end < base.size() && base[end] >= '0' && base[end] <= '9') ++end;
    return base.substr(begin, end - begin);
}

}  // namespace

bool older(std::string_view base, std::string_view other) {
    const auto first = leading_number(base), second = leading_number(other);
    if (first.size() != second.size()) return first.size() < second.size();
    if (const int order = first.compare(second); order != 0) return order < 0;
    return base < other;
}

std::optional<std::uint64_t> size_in_name(std::string_view file, char which) {
    const char tag[] = {',', which, '=', '\0'};
    return number_after(without_flags(file), tag);
}

std::string sizes_in_name(std::uint64_t size, std::span<const std::string_view> parts, bool more) {
    std::uint64_t bare = 0;
    char last = '\0';
    for (const std::string_view part : parts) {
        for (auto at = part.find('\n'); at != part.npos; at = part.find('\n', at + 1))
            bare += (at == 0 ? last : part[at - 1]) != '\r';
        if (!part.empty()) last = part.back();
    }
    if (bare != 0 && more) return fmt::format(",S={}", size);
    return fmt::format(",S={},W={}", size, size + bare);
}

UniqueNames::UniqueNames(const Clock& clock, std::string_view node, unsigned pid)
    : clock_(clock), node_(node_id(node)), pid_(pid) {}

std::string UniqueNames::next() {
    using namespace std::chrono;
    const auto since = duration_cast<microseconds>(clock_.wall().time_since_epoch()).count();
    return fmt::format("{}.M{:06}P{}Q{}.{}", since / 1'000'000, since % 1'000'000, pid_,
                       count_.fetch_add(1, std::memory_order_relaxed) % 1'000'000'000, node_);
}

std::optional<MessageName> parse_message_name(std::string_view file) {
    if (file.empty() || file.front() == '.') return {};
    MessageName name;
    name.file = file;
    const auto colon = file.find(':');
    const std::string_view body = without_flags(file);
    name.base = body.substr(0, body.find(','));
    if (name.base.empty()) return {};
    name.size = number_after(body, ",S=");
    name.wire = number_after(body, ",W=");
    if (colon != std::string_view::npos && file.substr(colon).starts_with(":2,")) {
        name.flags = file.substr(colon + 3);
    }
    return name;
}

Result<> make_maildir(disk::Disk& disk, const std::string& path) {
    // tmp/ comes last, after everything else is synced: whoever can write into tmp/ can rely on
    // new/ being there after a power cut. Its own entry may be lost; the next delivery makes it.
    const std::string domain = disk::parent_path(path);
    if (auto made = disk::make_directories(disk, path); !made) return made;
    for (const char* name : {"/new", "/cur"}) {
        if (auto made = disk.make_directory(path + name); !made) return made;
    }
    // Also those that were there already: another process may have been killed before its sync.
    for (const std::string& each : {path, domain, disk::parent_path(domain)}) {
        if (auto synced = disk.sync_directory(each); !synced) return synced;
    }
    return disk.make_directory(path + "/tmp");
}

Result<Usage> measure_directory(disk::Disk& disk, const std::string& path) {
    const auto entries = disk.names(path);
    Usage usage;
    if (!entries) {
        if (entries.error().error == ENOENT) return usage;
        return tl::unexpected(entries.error());
    }
    for (const disk::Names::Name& entry : *entries) {
        const std::string_view file = entry.text();
        if (entry.kind() != disk::Kind::file || file.starts_with('.')) continue;
        auto size = size_in_name(file, 'S');
        if (!size) {
            const auto status = disk.status(path + '/' + std::string(file));
            if (!status && status.error().error == ENOENT) continue;  // moved on meanwhile
            if (!status) return tl::unexpected(status.error());
            size = status->size;
        }
        usage.octets += *size;
        ++usage.messages;
    }
    return usage;
}

Result<std::vector<std::string>> message_directories(disk::Disk& disk, const std::string& path) {
    std::vector<std::string> directories = {path + "/new", path + "/cur"};
    const auto entries = disk.list(path);
    if (!entries) {
        if (entries.error().error == ENOENT) return std::vector<std::string>();
        return tl::unexpected(entries.error());
    }
    for (const disk::Entry& entry : *entries) {
        if (entry.kind != disk::Kind::directory || !entry.name.starts_with('.')) continue;
        directories.push_back(path + '/' + entry.name + "/new");
        directories.push_back(path + '/' + entry.name + "/cur");
    }
    return directories;
}

Result<Usage> measure(disk::Disk& disk, const std::string& path) {
    const auto directories = message_directories(disk, path);
    if (!directories) return tl::unexpected(directories.error());
    Usage whole;
    for (const std::string& directory : *directories) {
        const auto status = disk.status(directory);
        if (!status || status->kind != disk::Kind::directory) continue;  // a link, or not there
        const auto usage = measure_directory(disk, directory);
        if (!usage) return usage;
        whole.octets += usage->octets;
        whole.messages += usage->messages;
    }
    return whole;
}

}  // namespace mailhandler::store
