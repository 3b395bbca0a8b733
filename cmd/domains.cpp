// domains: what this root receives mail for.
#include <fmt/format.h>

#include "commands.hpp"
#include "describe.hpp"
#include "print.hpp"
#include "root.hpp"

namespace mailhandler::cmd {

namespace {

void print_json(Context& context, const route::Directory& directory) {
    Json json(context.out);
    json.array();
    for (const auto& [name, domain] : directory.domains()) {
        json.object().member("domain", name).member("file", domain->file);
        if (domain->unavailable)
            json.member("unavailable", domain->why_unavailable);
        else
            json.member("default", action_name(domain->fallback.action))
                .member("mailboxes", domain->mailboxes.size())
                .member("aliases", domain->aliases.size())
                .member("bouncers", domain->bouncers.size())
                .member("subdomains", domain->fallback.subdomains);
        json.end();
    }
    json.end();
}

std::string count(std::size_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
}

void print_text(Context& context, const route::Directory& directory) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, domain] : directory.domains()) {
        if (domain->unavailable) {
            rows.push_back({name, "unavailable"});
            continue;
        }
        rows.push_back({name, std::string(action_name(domain->fallback.action)),
                        count(domain->mailboxes.size(), "mailbox", "mailboxes"),
                        count(domain->aliases.size(), "alias", "aliases"),
                        count(domain->bouncers.size(), "bouncer", "bouncers"),
                        domain->fallback.subdomains ? "speaks for its subdomains" : ""});
    }
    print_table(context.out, rows);
}

int run(Context& context, const Arguments&) {
    const auto root = read_root(context);
    if (!root) return root.error();
    if (context.json)
        print_json(context, root->directory);
    else
        print_text(context, root->directory);
    if (root->directory.domains().empty())
        context.hint("'mailhandler add-domain D' adds the first domain");
    return root->problems ? status::configuration : status::done;
}

}  // namespace

Command domains() {
    return {
        .name = "domains",
        .group = "Domains and their default mail handler",
        .summary = "list the domains and what their defaults do",
        .description =
            "One line for each domain: its name, the action of its default mail handler, and how "
            "many mailboxes, aliases and bouncers it defines. 'mailhandler show D' lists them.\n\n"
            "With --json, an array of objects {\"domain\", \"file\", \"default\", \"mailboxes\", "
            "\"aliases\", \"bouncers\", \"subdomains\"}; a domain whose file cannot be loaded has "
            "\"unavailable\" with the reason instead.",
        .arguments = {},
        .options = {},
        .examples = {{"mailhandler domains", "what this root receives mail for"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
