#include "describe.hpp"

#include <charconv>
#include <fmt/format.h>

namespace mailhandler::cmd {

std::string_view action_name(route::Default::Action action) {
    switch (action) {
        case route::Default::Action::reject: return "reject";
        case route::Default::Action::deliver: return "deliver";
        case route::Default::Action::forward: return "forward";
    }
    return "";
}

std::string date_text(Date date) {
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::optional<Date> parse_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return {};
    unsigned parts[3] = {};
    const std::string_view pieces[] = {text.substr(0, 4), text.substr(5, 2), text.substr(8, 2)};
    for (int i = 0; i < 3; ++i) {
        const char* end = pieces[i].data() + pieces[i].size();
        const auto [at, error] = std::from_chars(pieces[i].data(), end, parts[i]);
        if (error != std::errc() || at != end) return {};
    }
    const Date date{std::chrono::year{static_cast<int>(parts[0])}, std::chrono::month{parts[1]},
                    std::chrono::day{parts[2]}};
    if (!date.ok()) return {};
    return date;
}

std::string targets_text(const std::vector<route::Target>& targets) {
    std::string text;
    for (const auto& target : targets) {
        if (!text.empty()) text += ", ";
        text += target.spelling;
    }
    return text;
}

std::string destination_text(const route::Destination& destination) {
    if (const auto* mailbox = std::get_if<route::ToMailbox>(&destination))
        return mailbox->mailbox.text();
    return std::get<route::ToForward>(destination).address.given();
}

std::string_view outcome_name(const route::Route& route) {
    if (std::holds_alternative<route::Deliver>(route.outcome)) return "deliver";
    return std::holds_alternative<route::Refuse>(route.outcome) ? "refuse" : "defer";
}

std::string outcome_text(const route::Route& route) {
    if (const auto* refuse = std::get_if<route::Refuse>(&route.outcome))
        return fmt::format("refused: {} {} {}", refuse->code, refuse->enhanced, refuse->text);
    if (const auto* defer = std::get_if<route::Defer>(&route.outcome))
        return fmt::format("deferred: {} {} {}", defer->code, defer->enhanced, defer->text);
    std::string text;
    for (const auto& destination : std::get<route::Deliver>(route.outcome).to) {
        const bool mailbox = std::holds_alternative<route::ToMailbox>(destination);
        if (!text.empty()) text += ", ";
        text += (mailbox ? "delivered to " : "forwarded to ") + destination_text(destination);
    }
    return text;
}

}  // namespace mailhandler::cmd
