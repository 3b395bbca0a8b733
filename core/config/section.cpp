#include "config/section.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mailhandler::config {

std::string Problem::show() const {
    const std::string_view kind = error ? "error" : "warning";
    if (line == 0) return fmt::format("{}: {}: {}", file, kind, text);
    if (column == 0) return fmt::format("{}:{}: {}: {}", file, line, kind, text);
    return fmt::format("{}:{}:{}: {}: {}", file, line, column, kind, text);
}

void Complaints::add(Position at, std::string text, bool error) {
    problems_.push_back({file_, at.line, at.column, std::move(text), error});
    errors_ = errors_ || error;
}

std::vector<Problem> Complaints::take() {
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
        return a.line != b.line ? a.line < b.line : a.column < b.column;
    });
    return std::move(problems_);
}

std::optional<Node> parse_into(std::string_view text, Complaints& complaints) {
    auto root = parse_toml(text);
    if (root) return std::move(*root);
    complaints.error(root.error().at, std::move(root.error().text));
    return std::nullopt;
}

const Entry* Section::find(std::string_view key) {
    known_.push_back(key);
    return table_.find(key);
}

const Entry* Section::find(std::string_view key, Node::Kind kind, std::string_view expected) {
    const Entry* entry = find(key);
    if (!entry || entry->value.is(kind)) return entry;
    error(entry->value.at, fmt::format("'{}' must be {}, not {}", key, expected,
                                       describe(entry->value.kind)));
    return nullptr;
}

std::optional<Item> Section::text(std::string_view key) {
    const Entry* entry = find(key, Node::Kind::string, "a string");
    if (!entry) return std::nullopt;
    return Item{entry->value.text, entry->value.at};
}

std::optional<bool> Section::flag(std::string_view key) {
    const Entry* entry = find(key, Node::Kind::boolean, "true or false");
    if (!entry) return std::nullopt;
    return entry->value.number != 0;
}

std::optional<std::int64_t> Section::integer(std::string_view key, std::int64_t least,
                                             std::int64_t most) {
    const Entry* entry = find(key, Node::Kind::integer, "an integer");
    if (!entry) return std::nullopt;
    if (entry->value.number >= least && entry->value.number <= most) return entry->value.number;
    error(entry->value.at, fmt::format("'{}' must be between {} and {}, not {}", key, least, most,
                                       entry->value.number));
    return std::nullopt;
}

std::optional<std::uint64_t> Section::size(std::string_view key, std::uint64_t least) {
    const Entry* entry = find(key);
    if (!entry) return std::nullopt;
    const Node& value = entry->value;
    std::uint64_t octets = 0;
    if (value.is(Node::Kind::integer) && value.number >= 0) {
        octets = static_cast<std::uint64_t>(value.number);
    } else if (value.is(Node::Kind::string)) {
        const auto parsed = parse_size(value.text);
        if (!parsed) return error(value.at, fmt::format("'{}': {}", key, parsed.error().cause)),
                            std::nullopt;
        octets = *parsed;
    } else {
        error(value.at, fmt::format("'{}' must be a size such as \"2 GiB\", not {}", key,
                                    value.is(Node::Kind::integer) ? "a negative number"
                                                                  : describe(value.kind)));
        return std::nullopt;
    }
    if (octets >= least) return octets;
    error(value.at, fmt::format("'{}' must be at least {} octets", key, least));
    return std::nullopt;
}

std::optional<Period> Section::period(std::string_view key, bool forever_allowed) {
    const Entry* entry = find(key);
    if (!entry) return std::nullopt;
    const Node& value = entry->value;
    if (value.is(Node::Kind::integer) && value.number == 0) return Period{std::chrono::seconds(0)};
    if (!value.is(Node::Kind::string)) {
        error(value.at, fmt::format("'{}' must be a period such as \"5m\" or \"30d\", not {}", key,
                                    describe(value.kind)));
        return std::nullopt;
    }
    if (forever_allowed && value.text == "forever") return Period{};
    const auto parsed = parse_duration(value.text);
    if (parsed) return Period{*parsed};
    error(value.at, fmt::format("'{}': {}", key, parsed.error().cause));
    return std::nullopt;
}

std::optional<std::vector<Item>> Section::list(std::string_view key, std::string_view example) {
    const Entry* entry =
        find(key, Node::Kind::array, fmt::format("a list such as {}", example));
    if (!entry) return std::nullopt;
    return strings_of(entry->value, key, complaints_);
}

std::optional<std::size_t> Section::choice(std::string_view key,
                                           std::span<const std::string_view> words) {
    const auto found = text(key);
    if (!found) return std::nullopt;
    const auto it = std::find(words.begin(), words.end(), found->text);
    if (it != words.end()) return static_cast<std::size_t>(it - words.begin());
    error(found->at, fmt::format("'{}' must be one of \"{}\", not \"{}\"{}", key,
                                 fmt::join(words, "\", \""), found->text,
                                 did_you_mean(found->text, words)));
    return std::nullopt;
}

const Node* Section::table(std::string_view key) {
    const Entry* entry = find(key, Node::Kind::table, fmt::format("a table, [{}]", key));
    return entry ? &entry->value : nullptr;
}

void Section::finish() {
    for (const Entry& entry : table_.entries)
        if (std::find(known_.begin(), known_.end(), entry.key) == known_.end()) unknown(entry);
}

std::string Section::heading() const {
    if (family_.empty()) return {};
    if (name_.empty()) return fmt::format(" in [{}]", family_);
    return fmt::format(" in [{}.{}]", family_, to_key(name_));
}

void Section::unknown(const Entry& entry) {
    // [mailbox.anne.smith]: TOML reads the dot as a table in a table.
    if (entry.value.is(Node::Kind::table) && !name_.empty())
        return error(entry.at,
                     fmt::format("[{0}.{1}.{2}] is a nested table; an address with a dot is quoted: "
                                 "[{0}.\"{1}.{2}\"]",
                                 family_, name_, entry.key));
    error(entry.at, fmt::format("unknown key \"{}\"{}{}", entry.key, heading(),
                                did_you_mean(entry.key, known_)));
}

std::vector<Item> strings_of(const Node& array, std::string_view key, Complaints& complaints) {
    std::vector<Item> items;
    items.reserve(array.items.size());
    for (const Node& item : array.items) {
        if (item.is(Node::Kind::string))
            items.push_back({item.text, item.at});
        else
            complaints.error(item.at, fmt::format("every item of '{}' must be a string, not {}",
                                                  key, describe(item.kind)));
    }
    return items;
}

namespace {

// Edit distance with neighbours exchanged counted once (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                                d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    if (word.size() > 40) return {};
    std::string lower(word);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    std::string_view best;
    std::size_t nearest = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string_view candidate : known) {
        const std::size_t d = distance(lower, candidate);
        if (d < nearest && d < candidate.size()) nearest = d, best = candidate;
    }
    return best.empty() ? std::string{} : fmt::format("; did you mean \"{}\"?", best);
}

}  // namespace mailhandler::config
