#include "base/clock.hpp"

#include <ctime>
#include <fmt/format.h>

namespace mailhandler {

namespace {

std::tm local_time(WallTime time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    return parts;
}

std::tm utc_time(WallTime time) {
    const std::time_t seconds =
        std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

Date local_date(WallTime time) {
    const std::tm parts = local_time(time);
    return Date{std::chrono::year{parts.tm_year + 1900},
                std::chrono::month{static_cast<unsigned>(parts.tm_mon + 1)},
                std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
}

std::string rfc5322_date(WallTime time) {
    // Not strftime: %a and %b follow the locale, and the header may not.
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::tm parts = local_time(time);
    const long minutes = parts.tm_gmtoff / 60;
    const long magnitude = minutes < 0 ? -minutes : minutes;
    return fmt::format("{}, {} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}", days[parts.tm_wday],
                       parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                       parts.tm_min, parts.tm_sec, minutes < 0 ? '-' : '+', magnitude / 60,
                       magnitude % 60);
}

std::string rfc3339_utc(WallTime time) {
    const std::tm parts = utc_time(time);
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(time - whole).count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       milliseconds);
}

std::string utc_day(WallTime time) {
    const std::tm parts = utc_time(time);
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

}  // namespace mailhandler
