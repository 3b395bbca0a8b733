// show: what is configured, with the line that says it. Never shows a password's hash.
#include <algorithm>
#include <fmt/format.h>

#include "commands.hpp"
#include "describe.hpp"
#include "print.hpp"
#include "root.hpp"

namespace mailhandler::cmd {

namespace {

// A map's values in the order of the file.
template <class Map>
auto in_file_order(const Map& map) {
    std::vector<const typename Map::mapped_type*> all;
    for (const auto& [key, value] : map) all.push_back(&value);
    std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) {
        return std::tie(a->line, a->key) < std::tie(b->line, b->key);
    });
    return all;
}

// One definition, as both printers want it.
struct Row {
    std::string kind, address, says, where;
};

std::string default_says(const route::Default& fallback) {
    std::string says(action_name(fallback.action));
    if (fallback.action == route::Default::Action::forward)
        says += " to " + targets_text(fallback.forward);
    if (fallback.action == route::Default::Action::reject && !fallback.text.empty())
        says += " \"" + fallback.text + "\"";
    if (fallback.action == route::Default::Action::deliver) {
        if (fallback.quota) says += ", quota " + size_text(fallback.quota);
        if (fallback.one_copy) says += ", one copy";
        if (fallback.password.empty()) says += ", no password";
    }
    if (fallback.subdomains) says += ", also for subdomains";
    return says;
}

std::string mailbox_says(const route::Mailbox& mailbox) {
    std::string says = mailbox.quota ? "quota " + size_text(mailbox.quota) : "";
    if (mailbox.password.empty()) says += says.empty() ? "no password" : ", no password";
    if (!mailbox.deliver.empty()) says += (says.empty() ? "to " : ", to ") + mailbox.deliver;
    return says;
}

std::string bouncer_says(const route::Bouncer& bouncer, Date today) {
    std::string says = "\"" + bouncer.text + "\"";
    if (bouncer.until) says += " until " + date_text(*bouncer.until);
    if (!bouncer.in_force(today)) says += ", no longer in force";
    return says;
}

// Everything the domain defines, or only what it says of one local part.
std::vector<Row> rows_of(const route::Domain& domain, Date today, const std::string* only) {
    std::vector<Row> rows;
    const auto add = [&](const char* kind, const std::string& key, std::string says,
                         unsigned line) {
        if (only && key != *only) return;
        rows.push_back({kind, mail::quote_local(key) + '@' + domain.name, std::move(says),
                        place(domain.file, line)});
    };
    if (!only)
        rows.push_back({"default", "@" + domain.name, default_says(domain.fallback),
                        place(domain.file, domain.fallback.line)});
    for (const auto* each : in_file_order(domain.bouncers))
        add("bouncer", each->key, bouncer_says(*each, today), each->line);
    for (const auto* each : in_file_order(domain.mailboxes))
        add("mailbox", each->key, mailbox_says(*each), each->line);
    for (const auto* each : in_file_order(domain.aliases))
        add("alias", each->key, "to " + targets_text(each->targets), each->line);
    return rows;
}

std::vector<std::string> spellings(const std::vector<route::Target>& targets) {
    std::vector<std::string> texts;
    for (const auto& target : targets) texts.push_back(target.spelling);
    return texts;
}

void write_default(Json& json, const route::Default& fallback) {
    json.object("default")
        .member("action", action_name(fallback.action))
        .member("line", fallback.line)
        .member("password", !fallback.password.empty())
        .member("quota", fallback.quota)
        .member("copies", fallback.one_copy ? "one" : "each")
        .member("forward", spellings(fallback.forward))
        .member("text", fallback.text)
        .member("subdomains", fallback.subdomains)
        .end();
}

void write_domain(Json& json, const route::Domain& domain, Date today, const std::string* only) {
    const auto wanted = [&](const std::string& key) { return !only || key == *only; };
    const auto begin = [&](const auto& each) -> Json& {
        return json.object()
            .member("address", mail::quote_local(each.key) + '@' + domain.name)
            .member("line", each.line);
    };
    json.object().member("domain", domain.name).member("file", domain.file);
    if (domain.unavailable) {
        json.member("unavailable", domain.why_unavailable).end();
        return;
    }
    write_default(json, domain.fallback);
    json.array("mailboxes");
    for (const auto* each : in_file_order(domain.mailboxes))
        if (wanted(each->key))
            begin(*each).member("quota", each->quota).member("password", !each->password.empty())
                .end();
    json.end().array("aliases");
    for (const auto* each : in_file_order(domain.aliases))
        if (wanted(each->key)) begin(*each).member("targets", spellings(each->targets)).end();
    json.end().array("bouncers");
    for (const auto* each : in_file_order(domain.bouncers)) {
        if (!wanted(each->key)) continue;
        begin(*each).member("text", each->text).member("in_force", each->in_force(today));
        each->until ? json.member("until", date_text(*each->until)) : json.member("until", nullptr);
        json.end();
    }
    json.end().end();
}

int show_address(Context& context, const route::Domain& domain, const mail::Address& address) {
    const Date today = local_date(context.clock.wall());
    const auto rows = rows_of(domain, today, &address.local_key());
    if (context.json) {
        Json json(context.out);
        write_domain(json, domain, today, &address.local_key());
    } else {
        std::vector<std::vector<std::string>> cells;
        for (const auto& row : rows) cells.push_back({row.kind, row.address, row.says, row.where});
        print_table(context.out, cells);
    }
    if (!rows.empty()) return status::done;
    context.say(fmt::format("{} is not defined; the default mail handler of {} says {}",
                            address.key(), domain.name, action_name(domain.fallback.action)));
    context.hint(fmt::format("'mailhandler explain {}' tells what becomes of its mail",
                             address.key()));
    return status::no;
}

void show_domains(Context& context, const std::vector<std::shared_ptr<const route::Domain>>& all,
                  bool as_list) {
    const Date today = local_date(context.clock.wall());
    if (context.json) {
        Json json(context.out);
        if (as_list) json.array();
        for (const auto& domain : all) write_domain(json, *domain, today, nullptr);
        if (as_list) json.end();
        return;
    }
    std::vector<std::vector<std::string>> cells;
    for (const auto& domain : all) {
        if (domain->unavailable)
            cells.push_back({"unavailable", domain->name, "", domain->file});
        else
            for (const auto& row : rows_of(*domain, today, nullptr))
                cells.push_back({row.kind, row.address, row.says, row.where});
    }
    print_table(context.out, cells);
}

int run(Context& context, const Arguments& arguments) {
    const std::string& what = arguments.one("WHAT");
    std::optional<mail::Address> address;
    std::string name;
    if (what.find('@', 1) != what.npos) {
        auto parsed = address_here(context, what);
        if (!parsed) return parsed.error();
        name = parsed->domain();
        address = std::move(*parsed);
    } else if (arguments.has("WHAT")) {
        auto domain = configured_domain(context, what);
        if (!domain) return domain.error();
        name = *domain;
    }
    const std::vector<std::string> only{name};
    const auto root = read_root(context, name.empty() ? nullptr : &only);
    if (!root) return root.error();
    std::vector<std::shared_ptr<const route::Domain>> all;
    for (const auto& [each, domain] : root->directory.domains())
        if (name.empty() || each == name) all.push_back(domain);
    if (address && !all.empty() && !all.front()->unavailable)
        return show_address(context, *all.front(), *address);
    show_domains(context, all, name.empty());
    for (const auto& domain : all)
        if (domain->unavailable) return status::configuration;
    return status::done;
}

}  // namespace

Command show() {
    return {
        .name = "show",
        .group = "Look",
        .summary = "show what is configured, and where",
        .description =
            "Lists the default mail handler, bouncers, mailboxes and aliases of every domain, of "
            "one domain, or of one address, each with the file and line that says so. The status "
            "is 1 when the address is not defined.\n\n"
            "With --json, an array of objects, or one object for one domain or address: "
            "{\"domain\", \"file\", \"default\": {\"action\", \"line\", \"password\", \"quota\", "
            "\"copies\", \"forward\", \"text\", \"subdomains\"}, \"mailboxes\": [{\"address\", "
            "\"line\", \"quota\", \"password\"}], \"aliases\": [{\"address\", \"line\", "
            "\"targets\"}], \"bouncers\": [{\"address\", \"line\", \"text\", \"in_force\", "
            "\"until\"}]}. Quotas are octets, 0 for none; a password is only said to be there.",
        .arguments = {{"WHAT", "a domain or an address; everything when it is missing",
                       Completes::domain_or_address, false}},
        .options = {},
        .examples = {{"mailhandler show", "everything"},
                     {"mailhandler show example.com", "one domain"},
                     {"mailhandler show info@example.com", "where one address is defined"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
