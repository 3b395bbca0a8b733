#include "store/uidlist.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mailhandler::store {

namespace {

// An unsigned 32-bit number that is not zero and fills `text`: what a UID and a UIDVALIDITY are
// (RFC 3501 section 2.3.1.1).
std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value == 0) return {};
    return value;
}

// Cuts the next word, up to a space, off the front of `rest`.
std::string_view word(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view found = rest.substr(0, rest.find(' '));
    rest.remove_prefix(found.size());
    return found;
}

// Cuts the next whole line off; nothing where no LF is left.
std::optional<std::string_view> line(std::string_view& rest) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view found = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return found;
}

// The V of "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1".
std::optional<std::uint32_t> validity(std::string_view header) {
    if (word(header) != "3") return {};
    std::optional<std::uint32_t> found;
    for (auto field = word(header); !field.empty(); field = word(header))
        if (field.front() == 'V') found = number(field.substr(1));
    return found;
}

}  // namespace

// "25006 W2481 Pold-uidl :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,S"
std::optional<Uidlist::Entry> Uidlist::parse_line(std::string_view text) {
    Entry entry;
    const auto uid = number(word(text));
    if (!uid) return {};
    entry.uid = *uid;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        if (text.empty()) return {};  // no file name
        if (text.front() == ':') break;
        const auto field = word(text);
        if (field.front() == 'P') entry.own = field.substr(1);
    }
    const std::string_view file = text.substr(1);
    entry.base = file.substr(0, file.find_first_of(",:"));
    if (entry.base.empty()) return {};
    return entry;
}

std::optional<Uidlist> Uidlist::parse(std::string_view text) {
    const auto header = line(text);
    if (!header) return {};
    const auto found = validity(*header);
    if (!found) return {};
    Uidlist list;
    list.validity_ = *found;
    while (const auto next = line(text))
        if (auto entry = parse_line(*next)) list.entries_.push_back(*entry);

    auto& entries = list.entries_;
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& one, const Entry& other) { return one.base < other.base; });
    // The last of each run of equals stays.
    const auto kept = std::unique(entries.rbegin(), entries.rend(), [](auto& one, auto& other) {
        return one.base == other.base;
    });
    entries.erase(entries.begin(), kept.base());
    return list;
}

std::optional<std::string> Uidlist::uidl(std::string_view base) const {
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), base,
        [](const Entry& entry, std::string_view wanted) { return entry.base < wanted; });
    if (found == entries_.end() || found->base != base) return {};
    if (!found->own.empty()) return std::string(found->own);
    return fmt::format("{:08x}{:08x}", found->uid, validity_);
}

}  // namespace mailhandler::store
