// remove-alias: an address that stands for others no longer does.
#include <fmt/format.h>

#include "change.hpp"
#include "commands.hpp"
#include "describe.hpp"
#include "mentions.hpp"

namespace mailhandler::cmd {

namespace {

int run(Context& context, const Arguments& arguments) {
    const auto address = address_here(context, arguments.one("ADDR"));
    if (!address) return address.error();
    auto change = DomainChange::begin(context, address->domain(), arguments.has("--dry-run"));
    if (!change) return change.error();
    const auto* alias = change->domain().alias(address->local_key());
    if (!alias) return change->unchanged(context);
    const auto made = change->make(context, {config::Unset{{"alias", alias->spelling}}});
    if (!made) return made.error();
    context.say(fmt::format("mail to {} is now for the domain's default mail handler, which says "
                            "{}",
                            address->key(), action_name(change->domain().fallback.action)));
    warn_of_mentions(context, change->domain(), address->local_key(),
                     "is then for the default mail handler");
    return status::done;
}

}  // namespace

Command remove_alias() {
    return {
        .name = "remove-alias",
        .group = "Mailboxes and aliases",
        .summary = "remove an alias",
        .description = "Mail to the address is for the domain's default mail handler from now on. "
                       "An alias that is not there is no error.",
        .arguments = {{"ADDR", "the address", Completes::alias}},
        .options = {{"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler remove-alias info@example.com", "info@ is no longer an alias"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
