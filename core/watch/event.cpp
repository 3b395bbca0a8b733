#include "watch/event.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace mailhandler::watch {

namespace {

constexpr std::array<std::string_view, 13> names = {
    "accepted", "refused", "deferred", "login",   "login-failed",
    "fetched",  "held",    "bounced",  "started", "stopped",
    "sent",     "postponed", "failed",
};

// One text member of Event, by its key in the journal.
struct Field {
    const char* key;
    std::string Event::*member;
};
constexpr std::array<Field, 9> fields = {{
    {"peer", &Event::peer},
    {"helo", &Event::helo},
    {"sender", &Event::sender},
    {"recipient", &Event::recipient},
    {"domain", &Event::domain},
    {"rule", &Event::rule},
    {"mailbox", &Event::mailbox},
    {"id", &Event::id},
    {"why", &Event::why},
}};

std::optional<WallTime> parse_time(const std::string& text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milli = 0;
    if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &year, &month, &day, &hour,
                    &minute, &second, &milli) != 7)
        return {};
    const Date date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                    std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return {};
    return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
           std::chrono::seconds{second} + std::chrono::milliseconds{milli};
}

}  // namespace

std::string_view name(What what) { return names.at(static_cast<std::size_t>(what)); }

std::string to_line(const Event& event) {
    nlohmann::ordered_json object;
    object["time"] = rfc3339_utc(event.when);
    object["what"] = name(event.what);
    for (const Field& field : fields)
        if (const std::string& value = event.*field.member; !value.empty())
            object[field.key] = value;
    if (event.size != 0) object["size"] = event.size;
    // Octets that are not UTF-8 come from peers; they must not break the line.
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::optional<Event> from_line(std::string_view line) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) return {};
    Event event;
    try {
        const auto kind = std::find(names.begin(), names.end(), object.value("what", ""));
        const auto when = parse_time(object.value("time", ""));
        if (kind == names.end() || !when) return {};
        event.what = static_cast<What>(kind - names.begin());
        event.when = *when;
        for (const Field& field : fields) event.*field.member = object.value(field.key, "");
        event.size = object.value("size", std::uint64_t{0});
    } catch (const nlohmann::json::exception&) {
        return {};  // a key of another type: a line of another version
    }
    return event;
}

}  // namespace mailhandler::watch
