// passwd: a new password for a mailbox, or for a domain's own.
#include <fmt/format.h>

#include "agent/password.hpp"
#include "change.hpp"
#include "commands.hpp"
#include "secret.hpp"

namespace mailhandler::cmd {

namespace {

struct Whose {
    std::string domain, login;
    std::optional<mail::Address> address;  // nothing: the default mail handler's
};

Answer<Whose> whose(Context& context, const std::string& text) {
    if (text.find('@', 1) == text.npos) {
        auto domain = configured_domain(context, text);
        if (!domain) return stop(domain.error());
        return Whose{*domain, *domain, {}};
    }
    auto address = address_here(context, text);
    if (!address) return stop(address.error());
    return Whose{address->domain(), address->key(), std::move(*address)};
}

int no_mailbox(Context& context, const route::Domain& domain, const mail::Address& address) {
    context.say(fmt::format("{} has no mailbox", address.key()));
    if (const auto* alias = domain.alias(address.local_key()))
        context.hint(fmt::format("{} is an alias for {}", place(domain.file, alias->line),
                                 alias->targets.front().spelling));
    else
        context.hint(fmt::format("'mailhandler add-mailbox {}' makes one", address.key()));
    return status::configuration;
}

int run(Context& context, const Arguments& arguments) {
    const auto who = whose(context, arguments.one("ADDR"));
    if (!who) return who.error();
    config::KeyPath path{"default", "password"};
    {   // The lock is not held while somebody thinks of a password.
        const auto now = DomainChange::begin(context, who->domain, true);
        if (!now) return now.error();
        if (who->address) {
            const auto* mailbox = now->domain().mailbox(who->address->local_key());
            if (!mailbox) return no_mailbox(context, now->domain(), *who->address);
            path = {"mailbox", mailbox->spelling, "password"};
        }
    }
    const auto password = read_password(context, arguments, who->login);
    if (!password) return password.error();
    if (!*password)
        return context.usage_error("there is no terminal to ask for the password: give "
                                   "--password-file or --password-stdin");
    const auto hash = agent::hash_password(**password, context.random);
    if (!hash) return context.fail(hash.error());
    auto change = DomainChange::begin(context, who->domain, arguments.has("--dry-run"));
    if (!change) return change.error();
    if (who->address && !change->domain().mailbox(who->address->local_key()))
        return no_mailbox(context, change->domain(), *who->address);
    const auto made = change->make(context, {config::Set{path, *hash}});
    return made ? status::done : made.error();
}

}  // namespace

Command passwd() {
    return {
        .name = "passwd",
        .group = "Mailboxes and aliases",
        .summary = "change the password of a mailbox or of a domain",
        .description =
            "With an address, changes the password its owner logs in with. With a domain, changes "
            "that of the domain's own mailbox, which the default mail handler delivers into; the "
            "login is the domain's name.\n\n"
            "The password is asked for on a terminal, twice; a script hands it over in a file or "
            "on standard input. The file holds only a yescrypt hash of it.",
        .arguments = {{"ADDR", "the address, or the domain", Completes::domain_or_mailbox}},
        .options = {password_file_option(), password_stdin_option(),
                    {"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler passwd anne@example.com", "asks for Anne's new password"},
                     {"mailhandler passwd example.com --password-file /run/keys/example",
                      "the login of the office's fetch"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
