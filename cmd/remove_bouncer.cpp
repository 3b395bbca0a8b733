// remove-bouncer: an address no longer answers no.
#include <fmt/format.h>

#include "change.hpp"
#include "commands.hpp"

namespace mailhandler::cmd {

namespace {

int run(Context& context, const Arguments& arguments) {
    const auto address = address_here(context, arguments.one("ADDR"));
    if (!address) return address.error();
    auto change = DomainChange::begin(context, address->domain(), arguments.has("--dry-run"));
    if (!change) return change.error();
    const auto* bouncer = change->domain().bouncer(address->local_key());
    if (!bouncer) return change->unchanged(context);
    const auto made = change->make(context, {config::Unset{{"bouncer", bouncer->spelling}}});
    if (!made) return made.error();
    context.hint(fmt::format("'mailhandler explain {}' tells what becomes of its mail now",
                             address->key()));
    return status::done;
}

}  // namespace

Command remove_bouncer() {
    return {
        .name = "remove-bouncer",
        .group = "Bouncers",
        .summary = "remove a bouncer",
        .description = "The address is treated again as if the bouncer had never been there: by "
                       "its own mailbox or alias, else by the domain's default mail handler. A "
                       "bouncer that is not there is no error.",
        .arguments = {{"ADDR", "the address", Completes::bouncer}},
        .options = {{"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler remove-bouncer john@example.com", "John is back"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
