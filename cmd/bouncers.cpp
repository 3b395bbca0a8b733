// bouncers: who answers no, until when, and whom they turned away.
#include <algorithm>
#include <fmt/format.h>

#include "commands.hpp"
#include "describe.hpp"
#include "journal.hpp"
#include "print.hpp"
#include "root.hpp"

namespace mailhandler::cmd {

namespace {

struct Row {
    std::string address;
    const route::Domain* domain = nullptr;
    const route::Bouncer* bouncer = nullptr;
    bool in_force = false;
    std::uint64_t turned_away = 0;
    std::optional<WallTime> last;
};

std::vector<Row> rows_of(const Root& root, const std::string& only, Date today) {
    std::vector<Row> rows;
    for (const auto& [name, domain] : root.directory.domains()) {
        if (domain->unavailable || (!only.empty() && name != only)) continue;
        const auto first = rows.size();
        for (const auto& [key, bouncer] : domain->bouncers)
            rows.push_back({mail::quote_local(key) + '@' + name, domain.get(), &bouncer,
                            bouncer.in_force(today)});
        std::sort(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(),
                  [](const Row& a, const Row& b) { return a.address < b.address; });
    }
    return rows;
}

// How often each of them said no, from the journal.
Result<> count(Context& context, const Root& root, std::vector<Row>& rows) {
    std::unordered_map<std::string, Row*> by_address;
    for (auto& row : rows)
        by_address[row.bouncer->key + '@' + row.domain->name] = &row;
    const auto read = read_events(context, root.layout, {}, [&](const watch::Event& event) {
        const bool said_no = event.what == watch::What::refused && event.rule == "bouncer";
        const auto address = said_no ? mail::Address::parse_recipient(event.recipient)
                                     : Result<mail::Address>(fail("", ""));
        if (!address) return;
        auto found = by_address.find(address->key());
        if (found == by_address.end()) found = by_address.find(address->without_tag().key());
        if (found == by_address.end()) return;
        ++found->second->turned_away;
        found->second->last = std::max(found->second->last.value_or(event.when), event.when);
    });
    if (!read) return tl::unexpected(read.error());
    return {};
}

void print_json(Context& context, const std::vector<Row>& rows) {
    Json json(context.out);
    json.array();
    for (const auto& row : rows) {
        json.object().member("address", row.address).member("text", row.bouncer->text);
        row.bouncer->until ? json.member("until", date_text(*row.bouncer->until))
                           : json.member("until", nullptr);
        json.member("in_force", row.in_force).member("turned_away", row.turned_away);
        row.last ? json.member("last", rfc3339_utc(*row.last)) : json.member("last", nullptr);
        json.member("file", row.domain->file).member("line", row.bouncer->line).end();
    }
    json.end();
}

void print_text(Context& context, const std::vector<Row>& rows) {
    std::vector<std::vector<std::string>> cells;
    for (const auto& row : rows) {
        std::string until = row.bouncer->until ? "until " + date_text(*row.bouncer->until) : "";
        if (!row.in_force) until += " (over)";
        cells.push_back({row.address, fmt::format("{} turned away", row.turned_away), until,
                         "\"" + row.bouncer->text + "\"",
                         place(row.domain->file, row.bouncer->line)});
    }
    print_table(context.out, cells);
}

int run(Context& context, const Arguments& arguments) {
    std::string name;
    if (arguments.has("D")) {
        const auto domain = configured_domain(context, arguments.one("D"));
        if (!domain) return domain.error();
        name = *domain;
    }
    const std::vector<std::string> only{name};
    const auto root = read_root(context, name.empty() ? nullptr : &only);
    if (!root) return root.error();
    auto rows = rows_of(*root, name, local_date(context.clock.wall()));
    if (const auto counted = count(context, *root, rows); !counted)
        return context.fail(counted.error());
    context.json ? print_json(context, rows) : print_text(context, rows);
    return root->problems ? status::configuration : status::done;
}

}  // namespace

Command bouncers() {
    return {
        .name = "bouncers",
        .group = "Bouncers",
        .summary = "list the bouncers and whom they turned away",
        .description =
            "Every bouncer, or those of one domain: its address, how often it said no according "
            "to the journal, its last day, its words, and where it is written.\n\n"
            "With --json, an array of {\"address\", \"text\", \"until\", \"in_force\", "
            "\"turned_away\", \"last\", \"file\", \"line\"}.",
        .arguments = {{"D", "only this domain's", Completes::domain, false}},
        .options = {},
        .examples = {{"mailhandler bouncers example.com", "the bouncers of one domain"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
