// remove-mailbox: somebody leaves. Their mail is kept, and what becomes of new mail is decided.
#include <fmt/format.h>

#include "change.hpp"
#include "commands.hpp"
#include "mentions.hpp"
#include "store/removed.hpp"

namespace mailhandler::cmd {

namespace {

constexpr std::string_view why_then =
    "--then is missing: a removed user must not silently feed the catch-all.\n"
    "  --then bouncer      new mail is answered with no\n"
    "  --then alias:ADDR   new mail goes to ADDR\n"
    "  --then default      new mail goes to the domain's default mail handler";

// What is to take the mailbox's place, as changes of the file.
Answer<std::vector<config::Change>> successor(Context& context, const std::string& then,
                                              const mail::Address& address) {
    const std::string& key = address.local_key();
    if (then == "default") return std::vector<config::Change>{};
    if (then == "bouncer")
        return std::vector<config::Change>{config::Set{
            {"bouncer", key, "text"}, std::string("This address is no longer in use")}};
    if (then.starts_with("alias:")) {
        const std::string target = then.substr(6);
        if (target.find('@') != target.npos && target != "@default")
            if (const auto parsed = parse_address(context, target); !parsed)
                return stop(parsed.error());
        return std::vector<config::Change>{
            config::Set{{"alias", key}, std::vector<std::string>{target}}};
    }
    return stop(context.usage_error(
        fmt::format("'{}' is not one of bouncer, alias:ADDR, default", then)));
}

Answer<bool> change_file(Context& context, const std::string& then, const mail::Address& address,
                         DomainChange& change) {
    const auto* mailbox = change.domain().mailbox(address.local_key());
    if (!mailbox) {
        change.unchanged(context);
        return false;
    }
    auto changes = successor(context, then, address);
    if (!changes) return stop(changes.error());
    // A bouncer that is there keeps its own words; one that is over is in force again.
    const auto* bouncer = change.domain().bouncer(address.local_key());
    if (then == "bouncer" && bouncer) {
        changes->clear();
        if (!bouncer->in_force(local_date(context.clock.wall())))
            changes->push_back(config::Unset{{"bouncer", bouncer->spelling, "until"}});
    }
    changes->insert(changes->begin(), config::Unset{{"mailbox", mailbox->spelling}});
    return change.make(context, *changes);
}

int run(Context& context, const Arguments& arguments) {
    const auto address = address_here(context, arguments.one("ADDR"));
    if (!address) return address.error();
    const auto then = arguments.option("--then");
    if (!then) {
        context.err << "mailhandler remove-mailbox: " << why_then << '\n';
        return status::usage;
    }
    if (const auto known = successor(context, *then, *address); !known) return known.error();
    const bool dry_run = arguments.has("--dry-run");
    const auto server = read_server(context);
    if (!server) return server.error();
    auto change = DomainChange::begin(context, address->domain(), dry_run);
    if (!change) return change.error();
    const auto changed = change_file(context, *then, *address, *change);
    if (!changed) return changed.error();
    if (*changed && !then->starts_with("alias:"))
        warn_of_mentions(context, change->domain(), address->local_key(),
                         *then == "bouncer" ? "is then refused"
                                            : "is then for the default mail handler");
    if (dry_run) return status::done;
    // Also where the file named it no longer: mail that an interrupted removal left behind.
    route::Mailbox gone;
    gone.key = address->local_key();
    const auto kept = store::set_aside(context.disk, layout_of(context, *server),
                                       change->domain().name_of(gone), context.clock.wall());
    if (!kept) return context.fail(kept.error());
    if (*kept) context.say("its mail is kept in " + **kept);
    return status::done;
}

}  // namespace

Command remove_mailbox() {
    return {
        .name = "remove-mailbox",
        .group = "Mailboxes and aliases",
        .summary = "remove a mailbox and say what takes its place",
        .description =
            "Removes the mailbox and its login. --then decides what becomes of mail that still "
            "arrives for the address: 'bouncer' answers no at the door, 'alias:ADDR' hands it to "
            "somebody else, 'default' leaves it to the domain's default mail handler.\n\n"
            "The mail that was there is moved to state/removed below the root, and where it went "
            "is printed; it is never deleted, and a later mailbox of the same name does not get "
            "it. A mailbox that is not there is no error.",
        .arguments = {{"ADDR", "the address", Completes::mailbox}},
        .options = {{"--then", "WHAT", "bouncer, alias:ADDR or default; required",
                     Completes::then},
                    {"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler remove-mailbox john@example.com --then bouncer",
                      "John has left; senders are told so"},
                     {"mailhandler remove-mailbox john@example.com --then alias:anne@example.com",
                      "Anne takes over"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
