#include "agent/header_survey.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mail/header.hpp"

namespace mailhandler::agent {

namespace {

// The first few values, for one line.
constexpr std::size_t values_in_words = 5;

}  // namespace

std::string fate_text(const Fate& fate) {
    if (!fate.wait.empty()) return "stays on the server: " + fate.wait;
    std::string text;
    for (const End& end : fate.ends) {
        if (!text.empty()) text += ", ";
        if (const auto* placed = std::get_if<Placed>(&end))
            text += placed->to.mailbox.text();
        else if (const auto* aside = std::get_if<SetAside>(&end))
            text += fmt::format("held: {}", name(aside->reason));
        else if (const auto* on = std::get_if<PassedOn>(&end))
            text += "forwarded to " + on->to.address.given();
        else
            text += std::holds_alternative<Bounced>(end) ? "bounced" : "dropped";
    }
    return text;
}

HeaderSurvey::HeaderSurvey(const config::Fetch& fetch, const route::Directory& directory,
                           Date today)
    : fetch_(fetch), directory_(directory), today_(today) {
    for (const std::string& each : fetch.headers) headers_.push_back({.name = each});
}

void HeaderSurvey::add(const Judged& judged) {
    ++messages_;
    placed_ += judged.placed();
    const mail::TrustedBlock& block = judged.block;
    without_ += !block.chosen;
    for (Header& header : headers_) {
        for (const std::string& name : block.below) header.below += name == header.name;
        for (const mail::HeaderReading& reading : block.readings)
            if (reading.name == header.name) add(header, reading, &reading == block.reading());
    }
}

void HeaderSurvey::add(Header& header, const mail::HeaderReading& reading, bool decides) {
    ++header.messages;
    header.decided += decides;
    bool placed = false;
    for (const mail::HeaderReading::Named& named : reading.recipients) {
        const auto judged = [&] {
            const Fate fate = judge_recipient(fetch_, directory_, today_, named.address, "");
            // One value stands for many messages: whose sender is told, each message says itself.
            const bool bounces =
                std::any_of(fate.ends.begin(), fate.ends.end(), [](const End& end) {
                    return std::holds_alternative<Bounced>(end);
                });
            return Value{0, fate.placed(), bounces ? "bounced or held" : fate_text(fate)};
        };
        placed |= note(header, named.address.given(), judged);
    }
    for (const std::string& login : reading.login)
        note(header, login, [] { return Value{0, false, "the login, skipped"}; });
    for (const mail::HeaderReading::Unusable& junk : reading.unusable)
        note(header, junk.value, [&] { return Value{0, false, "no address: " + junk.reason}; });
    header.placed += placed;
}

// Counts `text`; `judge` is asked once for each value that is told apart.
template <class Judge>
bool HeaderSurvey::note(Header& header, const std::string& text, const Judge& judge) {
    auto found = header.values.find(text);
    if (found == header.values.end()) {
        Value value = judge();
        if (header.values.size() >= most_values) {
            ++header.more;
            return value.placed;
        }
        found = header.values.emplace(text, std::move(value)).first;
    }
    ++found->second.messages;
    return found->second.placed;
}

std::vector<std::string> HeaderSurvey::words() const {
    std::vector<std::string> lines;
    for (const Header& header : headers_) {
        if (header.messages == 0 && header.below == 0) continue;
        std::string line =
            fmt::format("{}: in {} of {} messages", header.name, header.messages, messages_);
        if (header.below) line += fmt::format(", only below the trusted block in {}", header.below);
        if (header.messages)
            line += fmt::format("; {} distinct values; {} would be placed by it",
                                header.values.size() + header.more, header.placed);
        std::size_t shown = 0;
        for (const auto& [text, value] : header.values) {
            if (shown == values_in_words) break;
            line += fmt::format("{} {} ({})", shown++ ? "," : ":", text, value.fate);
        }
        lines.push_back(std::move(line));
    }
    if (without_)
        lines.push_back(fmt::format("no envelope header that decides in {} of {} messages",
                                    without_, messages_));
    return lines;
}

}  // namespace mailhandler::agent
