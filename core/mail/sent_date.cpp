#include "mail/sent_date.hpp"

#include <charconv>
#include <chrono>

#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

struct Reading {
    std::optional<int> year;
    std::optional<unsigned> month, day;
    bool timed = false;
    int seconds = 0;  // of the day
    std::optional<int> zone;  // seconds east of UTC
};

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.size() > 6 || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

constexpr std::string_view months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};

std::optional<unsigned> month_named(std::string_view word) {
    for (unsigned i = 0; i < 12; ++i)
        if (word.size() >= 3 && same_name(word.substr(0, 3), months[i])) return i + 1;
    return std::nullopt;
}

// obs-zone, RFC 5322 section 4.3; unknown ones are UTC.
std::optional<int> zone_named(std::string_view word) {
    struct Zone {
        std::string_view name;
        int hours;
    };
    static constexpr Zone zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                                     {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
    for (const Zone& each : zones)
        if (same_name(word, each.name)) return each.hours * 3600;
    return std::nullopt;
}

// time-of-day = hour ":" minute [ ":" second ]
bool read_time(Reading& reading, std::string_view word) {
    int parts[3] = {0, 0, 0};
    for (int& part : parts) {
        const std::size_t colon = std::min(word.find(':'), word.size());
        const auto value = number(word.substr(0, std::min(colon, word.find('.'))));
        if (!value) return false;
        part = *value;
        if (colon == word.size()) break;
        word.remove_prefix(colon + 1);
    }
    if (parts[0] > 24 || parts[1] > 59 || parts[2] > 60) return false;
    reading.seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    reading.timed = true;
    return true;
}

// zone = ("+" / "-") 4DIGIT
void read_zone(Reading& reading, std::string_view word) {
    const auto value = number(word.substr(1));
    if (!value || word.size() != 5 || reading.zone) return;
    const int seconds = (*value / 100 * 60 + *value % 100) * 60;
    reading.zone = word[0] == '-' ? -seconds : seconds;
}

void read_number(Reading& reading, std::string_view word) {
    const auto value = number(word);
    if (!value || *value < 0) return;
    if (!reading.day && word.size() <= 2) {
        reading.day = static_cast<unsigned>(*value);
    } else if (!reading.year) {
        const bool two = word.size() == 2, three = word.size() == 3;
        reading.year = *value + (two && *value < 50 ? 2000 : two || three ? 1900 : 0);
    }
}

void read_word(Reading& reading, std::string_view word) {
    if (word.empty()) return;
    const char first = word[0];
    if (word.find(':') != word.npos) {
        read_time(reading, word);
    } else if (reading.timed && (first == '+' || first == '-')) {
        read_zone(reading, word);
    } else if (const std::size_t dash = word.find('-'); dash != word.npos && dash > 0) {
        read_word(reading, word.substr(0, dash));
        read_word(reading, word.substr(dash + 1));
    } else if (first >= '0' && first <= '9') {
        read_number(reading, word);
    } else if (const auto month = month_named(word); month && !reading.month) {
        reading.month = month;
    } else if (reading.timed && !reading.zone) {
        reading.zone = zone_named(word);
    }
}

}  // namespace

std::optional<SentDate> parse_date(std::string_view value) {
    if (value.size() > 200) value = value.substr(0, 200);
    Reading reading;
    int comments = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= value.size(); ++i) {
        const char c = i < value.size() ? value[i] : ' ';
        const bool ends = c == ' ' || c == '\t' || c == ',' || c == '\r' || c == '\n' || c == '(' ||
                          c == ')';
        if (!ends) continue;
        if (comments == 0) read_word(reading, value.substr(begin, i - begin));
        if (c == '(') ++comments;
        if (c == ')' && comments > 0) --comments;
        begin = i + 1;
    }
    if (!reading.year || !reading.month || !reading.day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*reading.year),
                                           std::chrono::month(*reading.month),
                                           std::chrono::day(*reading.day)};
    if (!date.ok() || *reading.year > 9999) return std::nullopt;
    const auto day = static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
    return SentDate{std::int64_t{day} * 86'400 + reading.seconds - reading.zone.value_or(0), day};
}

}  // namespace mailhandler::mail
