#include "store/annotations.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>

#include "store/dotlock.hpp"

namespace mailhandler::store {

namespace {

constexpr std::uint64_t largest_file = 1ull << 30;

// entry SP length LF octets LF …
std::optional<Annotations::Values> parse(std::string_view text) {
    Annotations::Values values;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == text.npos) return {};
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        const auto space = line.rfind(' ');
        if (space == line.npos) return {};
        std::size_t length = 0;
        const auto number = line.substr(space + 1);
        const auto [last, error] =
            std::from_chars(number.data(), number.data() + number.size(), length);
        if (error != std::errc() || last != number.data() + number.size()) return {};
        if (length >= text.size() || text[length] != '\n') return {};
        values[std::string(line.substr(0, space))] = text.substr(0, length);
        text.remove_prefix(length + 1);
    }
    return values;
}

}  // namespace

Result<Annotations::Values> Annotations::all() const {
    const auto text = disk::read_file(disk_, file_, largest_file);
    if (!text && text.error().error == ENOENT) return Values();
    if (!text) return tl::unexpected(text.error());
    auto values = parse(*text);
    if (!values) return fail(file_, "cannot be understood; repair or remove it", false);
    return std::move(*values);
}

Result<> Annotations::set(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& changes) {
    for (const auto& [entry, value] : changes) {
        if (value && value->size() > limits_.value)
            return fail_errno(file_, "a value is too large", EMSGSIZE);
        if (entry.find_first_of(" \n") != entry.npos)
            return fail_errno(file_, "an entry cannot have such a name", EINVAL);
    }
    auto lock = Dotlock::take(disk_, clock_, file_);
    if (!lock) return tl::unexpected(lock.error());
    auto values = all();
    if (!values) return tl::unexpected(values.error());
    const Values before = *values;
    for (const auto& [entry, value] : changes) {
        if (value) {
            (*values)[entry] = *value;
        } else {
            values->erase(entry);
        }
    }
    if (values->size() > limits_.entries && values->size() > before.size())
        return tl::unexpected(Fault{file_, "has as many annotations as it may", false, ENOSPC});
    if (*values == before) return {};
    std::string text;
    for (const auto& [entry, value] : *values)
        text += fmt::format("{} {}\n{}\n", entry, value.size(), value);
    return disk::replace_file(disk_, file_, text);
}

}  // namespace mailhandler::store
