#include "imap/append_command.hpp"

#include <algorithm>
#include <chrono>

namespace mailhandler::imap {

namespace {

constexpr std::size_t longest_keyword = 64;  // octets
constexpr std::size_t most_flags = 64;

std::optional<int> digits(std::string_view text) {
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

}  // namespace

bool take_flag(std::string_view name, NamedFlags& flags) {
    const std::pair<std::string_view, Flags> known[] = {{"\\Answered", flag_answered},
                                                        {"\\Flagged", flag_flagged},
                                                        {"\\Deleted", flag_deleted},
                                                        {"\\Seen", flag_seen},
                                                        {"\\Draft", flag_draft}};
    for (const auto& [word, flag] : known) {
        if (!same_word(word, name)) continue;
        flags.system |= flag;
        return true;
    }
    // RFC 9051 section 2.3.2: other names beginning so are reserved.
    if (name.empty() || name.size() > longest_keyword ||
        !std::all_of(name.begin(), name.end(), atom_char))
        return false;
    const bool there =
        std::any_of(flags.keywords.begin(), flags.keywords.end(),
                    [&](const std::string& keyword) { return same_word(keyword, name); });
    if (!there) flags.keywords.emplace_back(name);
    return flags.keywords.size() <= most_flags;
}

std::optional<NamedFlags> parse_flags(Lexer& words) {
    NamedFlags flags;
    if (!words.take('(')) return std::nullopt;
    while (words.peek() != ')') {
        const auto name = words.token();
        if (!name) return std::nullopt;
        // Clients send back what they were shown; nobody can set it.
        if (!same_word(*name, "\\Recent") && !take_flag(*name, flags)) return std::nullopt;
        if (!words.space() && words.peek() != ')') return std::nullopt;
    }
    words.take(')');
    return flags;
}

// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
std::optional<std::int64_t> parse_date_time(std::string_view text) {
    constexpr std::string_view months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    // "17-Jul-1996 02:44:25 -0700"
    if (text.size() != 26 || text[2] != '-' || text[6] != '-' || text[11] != ' ' ||
        text[14] != ':' || text[17] != ':' || text[20] != ' ')
        return std::nullopt;
    const auto day = digits(text.substr(text[0] == ' ' ? 1 : 0, text[0] == ' ' ? 1 : 2));
    const std::size_t month = months.find(upper(text.substr(3, 3)));
    const auto year = digits(text.substr(7, 4)), hour = digits(text.substr(12, 2)),
               minute = digits(text.substr(15, 2)), second = digits(text.substr(18, 2)),
               zone_hour = digits(text.substr(22, 2)), zone_minute = digits(text.substr(24, 2));
    const char sign = text[21];
    if (!day || !year || !hour || !minute || !second || !zone_hour || !zone_minute ||
        month == months.npos || month % 3 != 0 || *hour > 23 || *minute > 59 || *second > 60 ||
        *zone_minute > 59 || (sign != '+' && sign != '-'))
        return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                           std::chrono::day(static_cast<unsigned>(*day)));
    if (!date.ok()) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t zone = (*zone_hour * 60 + *zone_minute) * 60;
    return days * 86400 + (*hour * 60 + *minute) * 60 + *second - (sign == '+' ? zone : -zone);
}

std::optional<AppendHead> parse_append_head(Lexer& words) {
    AppendHead head;
    if (!words.space()) return std::nullopt;
    if (words.peek() == '(') {
        auto flags = parse_flags(words);
        if (!flags || !words.space()) return std::nullopt;
        head.flags = std::move(*flags);
    }
    if (words.peek() == '"') {
        const auto text = words.string();
        head.internal_date = text ? parse_date_time(*text) : std::nullopt;
        if (!head.internal_date || !words.space()) return std::nullopt;
    }
    if (words.word("UTF8")) {
        head.utf8 = true;
        if (!words.space() || !words.take('(')) return std::nullopt;
    }
    return head;
}

}  // namespace mailhandler::imap
