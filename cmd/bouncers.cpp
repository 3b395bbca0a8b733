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

using Rows = std::unordered_map<std::string, Row*>;

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

// Whom `event` turned away: the row of that very address, else of it without its tag. Under
// `subdomains` the bouncer stands in the parent's file.
Row* row_of(const Rows& by_address, const route::Directory& directory, const watch::Event& event) {
    const bool no = event.what == watch::What::refused || event.what == watch::What::bounced;
    if (!no || event.rule != "bouncer") return nullptr;
    const auto address = mail::Address::parse_recipient(event.recipient);
    const auto domain = address ? directory.speaks_for(address->domain()) : nullptr;
    if (!domain) return nullptr;
    for (const auto& local : {address->local_key(), address->without_tag().local_key()})
        if (const auto found = by_address.find(mail::quote_local(local) + '@' + domain->name);
            found != by_address.end())
            return found->second;
    return nullptr;
}

// How often each of them said no, from the journal.
Result<> count(Context& context, const Root& root, std::vector<Row>& rows) {
    Rows by_address;
    for (auto& row : rows) by_address[row.address] = &row;
    const auto read = read_events(context, root.layout, {}, [&](const watch::Event& event) {
        Row* const row = row_of(by_address, root.directory, event);
        if (!row) return;
        ++row->turned_away;
        row->last = std::max(row->last.value_or(event.when), event.when);
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
