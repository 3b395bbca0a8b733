// remove-domain: its file and its mail are moved to state/removed, never deleted.
#include <fmt/format.h>

#include "agent/configuration.hpp"
#include "change.hpp"
#include "commands.hpp"
#include "mentions.hpp"
#include "store/removed.hpp"

namespace mailhandler::cmd {

namespace {

// The domain's file, kept beside its mail. It holds secrets: 0600.
Result<std::string> keep_file(Context& context, const store::Layout& layout,
                              const std::string& domain, std::string_view text) {
    const std::string directory = layout.removed_dir() + '/' + store::encode_name(domain);
    if (auto made = disk::make_directories(context.disk, directory); !made)
        return tl::unexpected(made.error());
    const auto seconds = std::chrono::system_clock::to_time_t(context.clock.wall());
    for (unsigned attempt = 0;; ++attempt) {
        const std::string path =
            attempt ? fmt::format("{}/{}.toml.{}-{}", directory, domain, seconds, attempt)
                    : fmt::format("{}/{}.toml.{}", directory, domain, seconds);
        if (disk::exists(context.disk, path)) continue;
        if (auto done = disk::replace_file(context.disk, path, text); !done)
            return tl::unexpected(done.error());
        return path;
    }
}

Result<> remove_file(Context& context, const store::Layout& layout, const std::string& domain,
                     std::string_view text) {
    const auto kept = keep_file(context, layout, domain, text);
    if (!kept) return tl::unexpected(kept.error());
    // A running server is not to take it for a file that is being replaced.
    const std::string mark = agent::removal_mark(context.root, domain);
    if (auto done = disk::replace_file(context.disk, mark, ""); !done) return done;
    if (auto done = context.disk.remove(layout.domain_file(domain)); !done) return done;
    if (auto done = context.disk.sync_directory(layout.domains_dir()); !done) return done;
    context.say("its file is kept as " + *kept);
    return {};
}

int run(Context& context, const Arguments& arguments) {
    const auto name = mail::canonical_domain(arguments.one("D"));
    if (!name)
        return context.usage_error(
            fmt::format("'{}': {}", arguments.one("D"), name.error().cause));
    const bool dry_run = arguments.has("--dry-run");
    const auto server = read_server(context);
    if (!server) return server.error();
    const auto lock = edit_lock(context, dry_run);
    if (!lock) return lock.error();
    const store::Layout layout = layout_of(context, *server);
    const auto text = disk::read_file(context.disk, layout.domain_file(*name));
    if (!text && text.error().error != ENOENT) return context.fail(text.error());
    if (text) {
        if (!dry_run)
            if (auto done = remove_file(context, layout, *name, *text); !done)
                return context.fail(done.error());
        print_difference(context, "domains/" + *name + ".toml", *text, "", dry_run);
        warn_of_mentions(context, *name, "is then an address elsewhere");
    } else {
        unchanged(context, "domains/" + *name + ".toml", dry_run);
    }
    if (dry_run) return status::done;
    // Also where the file was gone: mail that an interrupted removal left behind.
    const auto mail = store::set_aside_domain(context.disk, layout, *name, context.clock.wall());
    if (!mail) return context.fail(mail.error());
    if (*mail) context.say("its mail is kept in " + **mail);
    return status::done;
}

}  // namespace

Command remove_domain() {
    return {
        .name = "remove-domain",
        .group = "Domains and their default mail handler",
        .summary = "stop receiving mail for a domain",
        .description = "Mail to the domain is refused from now on. Its file and its mail are moved "
                       "to state/removed below the root, and where they went is printed; nothing is "
                       "deleted, and a later domain of the same name does not get it back. A domain "
                       "that is not there is no error.",
        .arguments = {{"D", "the domain", Completes::domain}},
        .options = {{"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler remove-domain old.example.com", "give a domain up"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
