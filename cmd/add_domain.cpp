// add-domain: a new file in domains/, whose default mail handler rejects.
#include <cerrno>
#include <fmt/format.h>

#include "agent/configuration.hpp"
#include "change.hpp"
#include "commands.hpp"

namespace mailhandler::cmd {

namespace {

constexpr std::string_view group = "Domains and their default mail handler";

std::string new_file(const std::string& domain) {
    return fmt::format(R"(# {0}: what becomes of its mail.
# 'mailhandler explain ADDR' tells it of any address, mailhandler.toml(5) explains every key.

[default]                        # every address that is not defined below
action = "reject"                # reject | deliver | forward
# text = "No such person here"   # reject: what the sender is told

# [mailbox.anne]                 # 'mailhandler add-mailbox anne@{0}'
# quota = "2 GiB"

# [alias]                        # 'mailhandler add-alias info@{0} anne'
# info = ["anne"]

# [bouncer.john]                 # 'mailhandler add-bouncer john@{0}'
# text = "John has left; please write to info@{0}"
)",
                       domain);
}

// Takes remove-domain's mark away: from now on the file could vanish by somebody's mistake again.
Result<> forget_removal(Context& context, const std::string& domain) {
    const auto done = context.disk.remove(agent::removal_mark(context.root, domain));
    return done || done.error().error == ENOENT ? Result<>{} : done;
}

// What stands in the way of a name: a file name that cannot be, or nothing.
std::string complaint_of(const std::string& name) {
    if (name.starts_with('[')) return "an address literal cannot be a domain of ours";
    if (name.find('.') == name.npos && name != "localhost")
        return "it has no dot: the whole name of the domain is needed";
    return "";
}

int run(Context& context, const Arguments& arguments) {
    const auto name = mail::canonical_domain(arguments.one("D"));
    if (!name)
        return context.usage_error(
            fmt::format("'{}': {}", arguments.one("D"), name.error().cause));
    if (const auto complaint = complaint_of(*name); !complaint.empty())
        return context.usage_error(fmt::format("'{}': {}", *name, complaint));
    const bool dry_run = arguments.has("--dry-run");
    if (const auto server = read_server(context); !server) return server.error();
    const auto lock = edit_lock(context, dry_run);
    if (!lock) return lock.error();
    const store::Layout layout(context.root);
    const std::string file = "domains/" + *name + ".toml", path = layout.domain_file(*name);
    if (!dry_run)
        if (auto done = forget_removal(context, *name); !done) return context.fail(done.error());
    if (disk::exists(context.disk, path)) return unchanged(context, file, dry_run);
    const std::string text = new_file(*name);
    if (!dry_run) {
        auto done = disk::make_directories(context.disk, layout.domains_dir(), 0750);
        if (done) done = disk::replace_file(context.disk, path, text, 0640);
        if (!done) return context.fail(done.error());
    }
    print_difference(context, file, "", text, dry_run);
    context.hint(fmt::format("mail to {0} is rejected until 'mailhandler set-default {0} …' or an "
                             "address says otherwise",
                             *name));
    return status::done;
}

}  // namespace

Command add_domain() {
    return {
        .name = "add-domain",
        .group = group,
        .summary = "receive mail for a domain or subdomain",
        .description =
            "Makes domains/D.toml, with comments that show what it can say. The default mail "
            "handler of a new domain rejects every address until it is told otherwise. A domain "
            "that is there already is left as it is.\n\n"
            "D may be written with the letters of any language; the file bears its A-label form.",
        .arguments = {{"D", "the domain or subdomain"}},
        .options = {{"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler add-domain example.com", "start receiving for example.com"},
                     {"mailhandler add-domain sales.example.com --dry-run",
                      "show the file a subdomain would get"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
