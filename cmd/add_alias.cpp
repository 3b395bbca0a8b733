// add-alias: an address that stands for others.
#include <fmt/format.h>

#include "change.hpp"
#include "commands.hpp"
#include "describe.hpp"

namespace mailhandler::cmd {

namespace {

// Two ways of writing one target are the same: "anne", "Anne@example.com".
std::string same_form(const std::string& target, const std::string& domain) {
    if (target == "@default") return target;
    const bool bare = target.find('@') == target.npos;
    const auto address =
        mail::Address::parse(bare ? mail::quote_local(target) + '@' + domain : target);
    return address ? address->key() : target;
}

bool same_targets(const route::Alias& alias, const std::vector<std::string>& targets,
                  const std::string& domain) {
    if (alias.targets.size() != targets.size()) return false;
    for (std::size_t i = 0; i < targets.size(); ++i)
        if (same_form(alias.targets[i].spelling, domain) != same_form(targets[i], domain))
            return false;
    return true;
}

int run(Context& context, const Arguments& arguments) {
    const auto address = address_here(context, arguments.one("ADDR"));
    if (!address) return address.error();
    const auto& targets = arguments.all("TARGET");
    for (const auto& target : targets)
        if (target != "@default" && target.find('@') != target.npos)
            if (const auto parsed = parse_address(context, target); !parsed) return parsed.error();
    auto change = DomainChange::begin(context, address->domain(), arguments.has("--dry-run"));
    if (!change) return change.error();
    const route::Domain& domain = change->domain();
    const std::string& key = address->local_key();
    if (const auto* alias = domain.alias(key)) {
        if (same_targets(*alias, targets, domain.name)) return change->unchanged(context);
        return defined_otherwise(
            context, address->key(),
            fmt::format("{} says {}", place(domain.file, alias->line),
                        targets_text(alias->targets)),
            "change it there, or remove-alias first");
    }
    if (const auto* mailbox = domain.mailbox(key))
        return defined_otherwise(
            context, address->key(), place(domain.file, mailbox->line) + " is a mailbox",
            fmt::format("'mailhandler remove-mailbox {} --then alias:{}' replaces it",
                        address->key(), targets.front()));
    const auto made = change->make(context, {config::Set{{"alias", key}, targets}});
    return made ? status::done : made.error();
}

}  // namespace

Command add_alias() {
    return {
        .name = "add-alias",
        .group = "Mailboxes and aliases",
        .summary = "let an address stand for one or more others",
        .description =
            "Mail to ADDR goes to every TARGET: a name of the same domain, any address, or "
            "@default for the domain's own mailbox. A target of ours must be defined; an alias "
            "never falls into a catch-all unless it says @default. Targets that refuse are "
            "skipped, and the alias refuses only when all of them do.",
        .arguments = {{"ADDR", "the address", Completes::new_address},
                      {"TARGET", "where its mail goes", Completes::target, true, true}},
        .options = {{"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler add-alias info@example.com anne bob@elsewhere.example",
                      "both get a copy"},
                     {"mailhandler add-alias sales@example.com @default",
                      "keep a known address in the domain's own mailbox"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
