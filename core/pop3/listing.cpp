#include "pop3/listing.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "pop3/response.hpp"

namespace mailhandler::pop3 {

namespace {

constexpr std::size_t shown_complaints = 8;
constexpr std::size_t shown_octets = 100;

// RFC 1939 allows 70; what some servers give is longer, and serves as an identity all the same.
constexpr std::size_t longest_uidl = 255;

struct Line {
    std::uint32_t number = 0;  // 0: not understood
    std::string_view word;
};

std::string_view take_spaces(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text;
}

// scan-listing = message-number SP word [SP more]   (RFC 1939 section 5, LIST and UIDL). More than
// one space and leading spaces are forgiven.
Line split(std::string_view line) {
    line = take_spaces(line);
    Line result;
    const auto [end, error] =
        std::from_chars(line.data(), line.data() + line.size(), result.number);
    if (error != std::errc()) return {};
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (line.empty() || line.front() != ' ') return {};
    line = take_spaces(line);
    result.word = line.substr(0, line.find(' '));
    return result.word.empty() ? Line{} : result;
}

bool usable_uidl(std::string_view word) {
    return word.size() <= longest_uidl &&
           std::all_of(word.begin(), word.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
}

}  // namespace

void Listing::complain(std::string_view what, std::string_view line) {
    ++misunderstood_;
    if (complaints_.size() < shown_complaints)
        complaints_.push_back(std::string(what) + ": " + printable(line, shown_octets));
}

bool Listing::add_uidl(std::string_view line) {
    if (++lines_ > limit_) return false;
    const Line parts = split(line);
    if (parts.number == 0 || !usable_uidl(parts.word)) {
        complain("UIDL line not understood", line);
        return true;
    }
    names_.push_back({arena_.size(), static_cast<std::uint32_t>(parts.word.size())});
    entries_.push_back({parts.number, 0});
    arena_ += parts.word;
    return true;
}

void Listing::uidls_complete() {
    lines_ = 0;
    sort_by_number();
    // One number for two names: neither can be fetched with certainty.
    for (std::size_t i = 1; i < entries_.size(); ++i) {
        if (entries_[i].number != entries_[i - 1].number) continue;
        if (!names_[i - 1].dropped)
            complain("UIDL names a message twice", std::to_string(entries_[i].number));
        names_[i - 1].dropped = names_[i].dropped = true;
    }
}

void Listing::sort_by_number() {
    const auto ascending = [](const Entry& a, const Entry& b) { return a.number < b.number; };
    if (std::is_sorted(entries_.begin(), entries_.end(), ascending)) return;
    std::vector<std::uint32_t> order(entries_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
        return entries_[a].number < entries_[b].number;
    });
    std::vector<Entry> entries;
    std::vector<Name> names;
    entries.reserve(order.size());
    names.reserve(order.size());
    for (const std::uint32_t at : order) {
        entries.push_back(entries_[at]);
        names.push_back(names_[at]);
    }
    entries_ = std::move(entries);
    names_ = std::move(names);
}

bool Listing::add_size(std::string_view line) {
    if (++lines_ > limit_) return false;
    const Line parts = split(line);
    std::uint64_t size = 0;
    const char* last = parts.word.data() + parts.word.size();
    const auto [end, error] = std::from_chars(parts.word.data(), last, size);
    if (parts.number == 0 || error != std::errc() || end != last) {
        complain("LIST line not understood", line);
        return true;
    }
    // Both answers are in the same order on every honest server: the search is the exception.
    if (cursor_ >= entries_.size() || entries_[cursor_].number != parts.number) {
        const auto found = std::lower_bound(
            entries_.begin(), entries_.end(), parts.number,
            [](const Entry& entry, std::uint32_t number) { return entry.number < number; });
        cursor_ = static_cast<std::size_t>(found - entries_.begin());
    }
    if (cursor_ >= entries_.size() || entries_[cursor_].number != parts.number) {
        complain("LIST names a message that UIDL does not", line);
        return true;
    }
    if (names_[cursor_].sized) complain("LIST names a message twice", line);
    entries_[cursor_].size = size;
    names_[cursor_].sized = true;
    ++cursor_;
    return true;
}

void Listing::sizes_complete() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (!names_[i].sized && !names_[i].dropped)
            complain("UIDL names a message that LIST does not", std::to_string(entries_[i].number));
        if (!names_[i].sized || names_[i].dropped) continue;
        entries_[kept] = entries_[i];
        names_[kept] = names_[i];
        ++kept;
    }
    entries_.resize(kept);
    names_.resize(kept);
    find_repeated();
}

void Listing::find_repeated() {
    std::vector<std::uint32_t> order(entries_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
        const int compared = uidl(a).compare(uidl(b));
        return compared != 0 ? compared < 0 : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i)
        if (uidl(order[i]) == uidl(order[i - 1])) repeated_.push_back(order[i]);
    std::sort(repeated_.begin(), repeated_.end());
}

std::string_view Listing::uidl(std::size_t index) const {
    return std::string_view(arena_).substr(names_[index].begin, names_[index].length);
}

}  // namespace mailhandler::pop3
