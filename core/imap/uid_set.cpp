#include "imap/uid_set.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace mailhandler::imap {

namespace {

constexpr Uid greatest = std::numeric_limits<Uid>::max();

// seq-number = nz-number / "*"
std::optional<Uid> parse_one(std::string_view text, Uid star) {
    if (text == "*") return star == 0 ? greatest : star;
    Uid value = 0;
    if (text.empty() || text[0] < '1' || text[0] > '9') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

void append(std::string& text, Uid number) {
    char digits[10];
    text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

void UidSet::add(Uid first, Uid last) {
    if (ranges_.empty() || first > ranges_.back().last) {
        if (!ranges_.empty() && first - ranges_.back().last == 1)
            ranges_.back().last = last;
        else
            ranges_.push_back({first, last});
        return;
    }
    // The ranges that overlap or touch become one.
    const auto begin = std::lower_bound(
        ranges_.begin(), ranges_.end(), first,
        [](const UidRange& range, Uid uid) { return range.last < uid && uid - range.last > 1; });
    auto end = begin;
    while (end != ranges_.end() && (end->first <= last || end->first - last == 1)) {
        first = std::min(first, end->first);
        last = std::max(last, end->last);
        ++end;
    }
    if (begin == end) {
        ranges_.insert(begin, {first, last});
    } else {
        *begin = {first, last};
        ranges_.erase(begin + 1, end);
    }
}

bool UidSet::contains(Uid uid) const {
    const auto found =
        std::lower_bound(ranges_.begin(), ranges_.end(), uid,
                         [](const UidRange& range, Uid wanted) { return range.last < wanted; });
    return found != ranges_.end() && found->first <= uid;
}

std::uint64_t UidSet::count() const {
    std::uint64_t count = 0;
    for (const UidRange& range : ranges_) count += std::uint64_t{range.last} - range.first + 1;
    return count;
}

std::string UidSet::text() const {
    std::string text;
    append_to(text);
    return text;
}

void UidSet::append_to(std::string& text) const {
    bool first = true;
    for (const UidRange& range : ranges_) {
        if (!first) text += ',';
        first = false;
        append(text, range.first);
        if (range.last == range.first) continue;
        text += ':';
        append(text, range.last);
    }
}

std::optional<UidSet> UidSet::parse(std::string_view text, Uid star, std::size_t most) {
    std::vector<UidRange> ranges;
    for (;;) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        const std::size_t colon = part.find(':');
        const auto first = parse_one(part.substr(0, colon), star);
        const auto last = colon == part.npos ? first : parse_one(part.substr(colon + 1), star);
        if (!first || !last || ranges.size() == most) return std::nullopt;
        ranges.push_back({std::min(*first, *last), std::max(*first, *last)});
        if (comma == text.npos) break;
        text.remove_prefix(comma + 1);
    }
    std::sort(ranges.begin(), ranges.end(),
              [](const UidRange& a, const UidRange& b) { return a.first < b.first; });
    UidSet set;
    for (const UidRange& range : ranges) set.add(range.first, range.last);
    return set;
}

}  // namespace mailhandler::imap
