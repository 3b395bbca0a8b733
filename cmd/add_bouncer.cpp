// add-bouncer: an address that answers no at the door.
#include <fmt/format.h>

#include "change.hpp"
#include "commands.hpp"
#include "describe.hpp"

namespace mailhandler::cmd {

namespace {

int differs(Context& context, const std::string& address, const route::Domain& domain,
            const route::Bouncer& bouncer) {
    return defined_otherwise(context, address,
                             fmt::format("{} says \"{}\"{}", place(domain.file, bouncer.line),
                                         bouncer.text,
                                         bouncer.until ? " until " + date_text(*bouncer.until)
                                                       : std::string()),
                             "change it there, or remove-bouncer first");
}

int run(Context& context, const Arguments& arguments) {
    const auto address = address_here(context, arguments.one("ADDR"));
    if (!address) return address.error();
    const auto text = arguments.option("--text");
    std::optional<Date> until;
    if (const auto given = arguments.option("--until")) {
        until = parse_date(*given);
        if (!until)
            return context.usage_error(
                fmt::format("--until {}: a day is written 2027-05-01", *given));
        if (*until < local_date(context.clock.wall()))
            context.say(fmt::format("{} is past: the bouncer is as if it were not there", *given));
    }
    auto change = DomainChange::begin(context, address->domain(), arguments.has("--dry-run"));
    if (!change) return change.error();
    const route::Domain& domain = change->domain();
    const std::string& key = address->local_key();
    if (const auto* bouncer = domain.bouncer(key)) {
        const bool same = (!text || *text == bouncer->text) &&
                          (until ? until == bouncer->until
                                 : bouncer->in_force(local_date(context.clock.wall())));
        return same ? change->unchanged(context)
                    : differs(context, address->key(), domain, *bouncer);
    }
    std::vector<config::Change> changes;
    changes.push_back(config::Set{{"bouncer", key, "text"},
                                  text.value_or("This address is no longer in use")});
    if (until) changes.push_back(config::Set{{"bouncer", key, "until"}, *until});
    const auto made = change->make(context, changes);
    if (!made) return made.error();
    if (const auto* mailbox = change->domain().mailbox(key))
        context.say(fmt::format("while it is in force, the mailbox at {} gets no mail",
                                place(domain.file, mailbox->line)));
    return status::done;
}

}  // namespace

Command add_bouncer() {
    return {
        .name = "add-bouncer",
        .group = "Bouncers",
        .summary = "let an address answer no at the door",
        .description =
            "Mail to the address is refused before it is transferred, with words of your own: "
            "somebody has left, and nobody needs to download that mail again. A bouncer wins over "
            "a mailbox or alias of the same address while it is in force.",
        .arguments = {{"ADDR", "the address", Completes::new_address}},
        .options = {{"--text", "T", "what the sender is told"},
                    {"--until", "DATE", "the last day it is in force, as in 2027-05-01"},
                    {"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler add-bouncer john@example.com --text 'John has left; please "
                      "write to info@example.com'",
                      "tell senders where to write instead"},
                     {"mailhandler add-bouncer fair2026@example.com --until 2026-12-31",
                      "for the rest of the year"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
