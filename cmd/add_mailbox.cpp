// add-mailbox: a person's own mailbox and login.
#include <fmt/format.h>

#include "agent/password.hpp"
#include "change.hpp"
#include "commands.hpp"
#include "secret.hpp"

namespace mailhandler::cmd {

namespace {

// An address that is there already: the same again is fine, anything else is told.
int already(Context& context, const Arguments& arguments, const std::string& address,
            const DomainChange& change, const route::Mailbox& mailbox) {
    const std::string where = place(change.domain().file, mailbox.line);
    if (const auto quota = arguments.option("--quota"))
        if (*config::parse_size(*quota) != mailbox.quota)
            return defined_otherwise(context, address, where + " has another quota",
                                     "change it there");
    if (password_given(arguments)) {
        const auto password = read_password(context, arguments, address);
        if (!password) return password.error();
        if (!agent::verify_password(mailbox.password, **password))
            return defined_otherwise(context, address, where + " has another password",
                                     fmt::format("'mailhandler passwd {}' changes it", address));
    }
    return change.unchanged(context);
}

int add(Context& context, const Arguments& arguments, DomainChange& change,
        const std::string& key, const std::string& address) {
    std::vector<config::Change> changes;
    const auto password = read_password(context, arguments, address);
    if (!password) return password.error();
    if (*password) {
        auto hash = agent::hash_password(**password, context.random);
        if (!hash) return context.fail(hash.error());
        changes.push_back(config::Set{{"mailbox", key, "password"}, std::move(*hash)});
    } else {
        changes.push_back(config::Make{{"mailbox", key}});
    }
    if (const auto quota = arguments.option("--quota"))
        changes.push_back(config::Set{{"mailbox", key, "quota"}, *quota});
    if (const auto made = change.make(context, changes); !made) return made.error();
    if (!*password) {
        context.say("it has no password: mail is kept, but nobody can log in");
        context.hint(fmt::format("'mailhandler passwd {}' gives it one", address));
    }
    return status::done;
}

int run(Context& context, const Arguments& arguments) {
    const auto address = address_here(context, arguments.one("ADDR"));
    if (!address) return address.error();
    if (const auto quota = arguments.option("--quota"))
        if (const auto size = config::parse_size(*quota); !size)
            return context.usage_error(fmt::format("--quota {}: {}", *quota, size.error().cause));
    auto change = DomainChange::begin(context, address->domain(), arguments.has("--dry-run"));
    if (!change) return change.error();
    const route::Domain& domain = change->domain();
    const std::string& key = address->local_key();
    if (const auto* mailbox = domain.mailbox(key))
        return already(context, arguments, address->key(), *change, *mailbox);
    if (const auto* alias = domain.alias(key))
        return defined_otherwise(
            context, address->key(),
            fmt::format("{} is an alias for {}", place(domain.file, alias->line),
                        alias->targets.empty() ? "" : alias->targets.front().spelling),
            fmt::format("'mailhandler remove-alias {}' first", address->key()));
    if (const auto* bouncer = domain.bouncer(key);
        bouncer && bouncer->in_force(local_date(context.clock.wall()))) {
        context.say(fmt::format("{} is a bouncer and stays in force: mail is refused until it is "
                                "removed",
                                place(domain.file, bouncer->line)));
        context.hint(fmt::format("'mailhandler remove-bouncer {}'", address->key()));
    }
    return add(context, arguments, *change, key, address->key());
}

}  // namespace

Command add_mailbox() {
    return {
        .name = "add-mailbox",
        .group = "Mailboxes and aliases",
        .summary = "give a person a mailbox and a login",
        .description =
            "Mail to the address goes into its own maildir from now on, no longer to the default "
            "mail handler. The login is the address.\n\n"
            "The password is asked for on a terminal; a script hands it over in a file or on "
            "standard input. Without one, mail is kept but nobody can log in. A mailbox that is "
            "there already is left as it is; 'mailhandler passwd' changes its password.",
        .arguments = {{"ADDR", "the address", Completes::new_address}},
        .options = {password_file_option(),
                    password_stdin_option(),
                    {"--quota", "Q", "how much it may hold, as in 2GiB"},
                    {"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler add-mailbox anne@example.com", "asks for the password"},
                     {"pwgen 20 1 | mailhandler add-mailbox bob@example.com --password-stdin "
                      "--quota 2GiB",
                      "in a script"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
