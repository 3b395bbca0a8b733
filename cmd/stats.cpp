// stats: who wrote to whom, how often, since when; which names were guessed, and by whom.
#include <algorithm>
#include <fmt/format.h>

#include "commands.hpp"
#include "describe.hpp"
#include "journal.hpp"
#include "print.hpp"
#include "root.hpp"
#include "watch/tally.hpp"

namespace mailhandler::cmd {

namespace {

constexpr std::size_t shown = 20;  // rows of a list, in text

void write_counts(Json& json, const watch::Counts& counts) {
    json.member("accepted", counts.accepted).member("refused", counts.refused);
    json.member("deferred", counts.deferred).member("fetched", counts.fetched);
    json.member("held", counts.held).member("bounced", counts.bounced);
    json.member("logins", counts.logins).member("failed_logins", counts.failed_logins);
    json.member("octets", counts.octets);
}

void write_histories(Json& json, const char* key, const char* what,
                     const watch::Histories& histories) {
    json.object(key).array("top");
    for (const auto& history : histories.top()) {
        json.object().member(what, history.name);
        write_counts(json, history.counts);
        json.member("first", rfc3339_utc(history.first)).member("last", rfc3339_utc(history.last));
        if (std::string_view(what) == "peer")
            json.member("guesses", history.guesses);
        else
            json.member("rule", history.rule);
        json.end();
    }
    const auto others = histories.others();
    json.end().object("others").member("names", others.names);
    write_counts(json, others.counts);
    json.end().end();
}

void print_json(Context& context, const watch::Tally& tally, std::size_t skipped) {
    Json json(context.out);
    json.object().object("total");
    write_counts(json, tally.total());
    json.end().array("days");
    for (const auto& [day, counts] : tally.days()) {
        json.object().member("day", day);
        write_counts(json, counts);
        json.end();
    }
    json.end();
    write_histories(json, "addresses", "address", tally.defined());
    write_histories(json, "guessed", "address", tally.guessed());
    write_histories(json, "peers", "peer", tally.peers());
    json.member("skipped_lines", skipped).end();
}

// A bar of eighths of a character cell.
std::string bar(std::uint64_t value, std::uint64_t most, unsigned width) {
    static constexpr const char* parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (most == 0) return "";
    const std::uint64_t eighths = (value * width * 8 + most - 1) / most;
    std::string text;
    for (std::uint64_t i = 0; i < eighths / 8; ++i) text += "█";
    return text + parts[eighths % 8];
}

unsigned bar_width(const Context& context, unsigned beside) {
    return context.terminal.columns > beside + 10 ? context.terminal.columns - beside : 10;
}

void print_days(Context& context, const watch::Tally& tally) {
    std::uint64_t most = 0;
    for (const auto& [day, counts] : tally.days()) most = std::max(most, counts.messages());
    context.out << "\nDays (UTC)\n";
    auto at = tally.days().begin();
    // A year of days is no picture: the last thirty.
    if (tally.days().size() > 30)
        std::advance(at, static_cast<std::ptrdiff_t>(tally.days().size() - 30));
    std::vector<std::vector<std::string>> rows;
    for (; at != tally.days().end(); ++at) {
        std::vector<std::string> row{"  " + at->first,
                                     fmt::format("{} taken", at->second.accepted + at->second.fetched),
                                     fmt::format("{} refused", at->second.refused)};
        if (context.terminal.out)
            row.push_back(bar(at->second.messages(), most, bar_width(context, 50)));
        rows.push_back(std::move(row));
    }
    print_table(context.out, rows);
}

std::string day_of(WallTime time) { return date_text(local_date(time)); }

void print_list(Context& context, const char* title, const watch::Histories& histories,
                bool peers) {
    const auto top = histories.top();
    if (top.empty()) return;
    context.out << '\n' << title << '\n';
    std::vector<std::vector<std::string>> rows;
    std::uint64_t rest = 0;
    for (const auto& history : top) {
        if (rows.size() == shown) {
            ++rest;
            continue;
        }
        const watch::Counts& counts = history.counts;
        rows.push_back({"  " + history.name,
                        fmt::format("{} taken", counts.accepted + counts.fetched),
                        fmt::format("{} refused", counts.refused),
                        peers ? fmt::format("{} guesses, {} failed logins", history.guesses,
                                            counts.failed_logins)
                              : history.rule,
                        day_of(history.first) + " to " + day_of(history.last)});
        if (context.terminal.out)
            rows.back().push_back(
                bar(counts.messages(), top.front().counts.messages(), 20));
    }
    print_table(context.out, rows);
    rest += histories.others().names;
    if (rest) context.out << fmt::format("  and {} more\n", rest);
}

void print_text(Context& context, const watch::Tally& tally) {
    const watch::Counts& total = tally.total();
    context.out << fmt::format(
        "{} taken ({}), {} refused, {} deferred, {} held, {} bounced; {} logins, {} failed\n",
        total.accepted + total.fetched, size_text(total.octets), total.refused, total.deferred,
        total.held, total.bounced, total.logins, total.failed_logins);
    if (tally.days().empty()) return;
    print_days(context, tally);
    print_list(context, "Addresses", tally.defined(), false);
    print_list(context, "Guessed names", tally.guessed(), false);
    print_list(context, "Peers", tally.peers(), true);
}

// "7d" ago, or a day.
Answer<WallTime> since_of(Context& context, const Arguments& arguments) {
    const auto text = arguments.option("--since");
    if (!text) return WallTime{};
    if (const auto date = parse_date(*text)) return std::chrono::sys_days{*date};
    if (const auto length = config::parse_duration(*text)) return context.clock.wall() - *length;
    return stop(context.usage_error(
        fmt::format("--since {}: a duration such as 7d, or a day such as 2026-11-01", *text)));
}

Answer<watch::Tally::Only> only_of(Context& context, const std::string& what) {
    if (what.empty()) return watch::Tally::Only{};
    if (what.find('@', 1) == what.npos) {
        const auto domain = configured_domain(context, what);
        if (!domain) return stop(domain.error());
        return watch::Tally::Only{*domain, ""};
    }
    const auto address = parse_address(context, what);
    if (!address) return stop(address.error());
    return watch::Tally::Only{"", address->key()};
}

int run(Context& context, const Arguments& arguments) {
    const auto server = read_server(context);
    if (!server) return server.error();
    const auto since = since_of(context, arguments);
    if (!since) return since.error();
    auto only = only_of(context, arguments.one("WHAT"));
    if (!only) return only.error();
    watch::Tally tally(std::move(*only));
    const auto skipped = read_events(context, layout_of(context, *server), *since,
                                     [&](const watch::Event& event) { tally.add(event); });
    if (!skipped) return context.fail(skipped.error());
    context.json ? print_json(context, tally, *skipped) : print_text(context, tally);
    if (*skipped && !context.json)
        context.say(fmt::format("{} lines of the journal could not be read", *skipped));
    return status::done;
}

}  // namespace

Command stats() {
    return {
        .name = "stats",
        .group = "Look",
        .summary = "count mail per address, guessed names and peers",
        .description =
            "Reads the journal and counts: messages per day; for each address how often, first and "
            "last; names that only a default mail handler decided about, which may be guesses; and "
            "the peers, with how many guesses and failed logins each made. The most frequent are "
            "kept by name, the rest is one count.\n\n"
            "With --json, one object: {\"total\", \"days\": [{\"day\"}], \"addresses\", "
            "\"guessed\", \"peers\": {\"top\": [{\"address\" or \"peer\", \"first\", \"last\", "
            "\"rule\" or \"guesses\"}], \"others\": {\"names\"}}, \"skipped_lines\"}, each with "
            "the counts \"accepted\", \"refused\", \"deferred\", \"fetched\", \"held\", "
            "\"bounced\", \"logins\", \"failed_logins\", \"octets\".",
        .arguments = {{"WHAT", "only this domain or address", Completes::domain_or_address, false}},
        .options = {{"--since", "T", "only what is younger: a duration (7d) or a day (2026-11-01)"}},
        .examples = {{"mailhandler stats example.com --since 7d", "the last week of one domain"},
                     {"mailhandler stats anne@example.com --json", "one address, for a program"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
