#include "change.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "print.hpp"

namespace mailhandler::cmd {

Answer<std::unique_ptr<disk::Lock>> edit_lock(Context& context, bool dry_run) {
    if (dry_run) return nullptr;
    auto lock = config::lock_for_edit(context.disk, context.root);
    if (!lock) return stop(context.fail(lock.error()));
    return std::move(*lock);
}

void print_difference(Context& context, const std::string& file, std::string_view before,
                      std::string_view after, bool dry_run) {
    const std::string difference = config::difference(before, after, file);
    if (context.json)
        Json(context.out)
            .object()
            .member("file", file)
            .member("changed", before != after)
            .member("dry_run", dry_run)
            .member("difference", difference)
            .end();
    else
        context.out << difference;
}

int unchanged(Context& context, const std::string& file, bool dry_run) {
    print_difference(context, file, "", "", dry_run);
    return status::done;
}

int defined_otherwise(Context& context, std::string_view what, const std::string& where,
                      std::string_view next) {
    return context.fail(status::configuration,
                        fmt::format("{} is defined otherwise already: {}", what, where), next);
}

Answer<DomainChange> DomainChange::begin(Context& context, const std::string& domain,
                                         bool dry_run) {
    DomainChange change;
    auto lock = edit_lock(context, dry_run);
    if (!lock) return stop(lock.error());
    change.lock_ = std::move(*lock);
    change.dry_run_ = dry_run;
    auto loaded = config::load_domain(context.disk, context.root, domain);
    for (const auto& problem : loaded.problems)
        if (problem.error || !loaded.ok()) context.err << printable(problem.show()) << '\n';
    if (!loaded.ok())
        return stop(context.fail(status::configuration,
                                 "a file that has an error is not edited, nothing was changed",
                                 fmt::format("mend domains/{}.toml first", domain)));
    change.domain_ = std::move(*loaded.value);
    return change;
}

int DomainChange::unchanged(Context& context) const {
    return cmd::unchanged(context, domain_.file, dry_run_);
}

Answer<bool> DomainChange::make(Context& context, const std::vector<config::Change>& changes) {
    auto edited =
        config::edit_file(context.disk, context.root, domain_.file, changes, {}, dry_run_);
    if (!edited) {
        // One problem a line: each is a line of talk.
        context.err << "mailhandler " << context.command->name
                    << ": nothing was changed (lines as they would be afterwards):\n";
        const std::string problems = edited.error().text();
        for (std::string_view rest = problems; !rest.empty();) {
            const auto end = rest.find('\n');
            context.err << printable(rest.substr(0, end)) << '\n';
            rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
        }
        return stop(status_of(edited.error()));
    }
    for (const auto& warning : edited->warnings) context.err << printable(warning.show()) << '\n';
    if (context.json || edited->changed())
        print_difference(context, domain_.file, edited->before, edited->after, dry_run_);
    if (edited->domain) domain_ = std::move(*edited->domain);
    return edited->changed();
}

}  // namespace mailhandler::cmd
