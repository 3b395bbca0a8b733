#include "change.hpp"

#include <fmt/format.h>

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
    change.path_ = store::Layout(context.root).domain_file(domain);
    auto text = disk::read_file(context.disk, change.path_);
    if (!text) return stop(context.fail(text.error()));
    change.text_ = std::move(*text);
    auto loaded = config::load_domain(context.disk, context.root, domain);
    for (const auto& problem : loaded.problems)
        if (problem.error || !loaded.ok()) context.err << printable(problem.show()) << '\n';
    if (!loaded.ok())
        return stop(context.fail(status::configuration,
                                 "a file that has an error is not edited, nothing was changed",
                                 fmt::format("mend {} first", change.path_)));
    change.domain_ = std::move(*loaded.value);
    return change;
}

Answer<bool> DomainChange::make(Context& context, const std::vector<config::Change>& changes) {
    const auto after = config::edit(text_, changes, domain_.file);
    if (!after) return stop(context.fail(after.error()));
    if (*after == text_) {
        if (context.json) print_difference(context, domain_.file, text_, text_, dry_run_);
        return false;
    }
    // As the server will judge it: what it would not load is not written.
    auto judged = config::parse_domain(*after, domain_.file, domain_.name);
    for (const auto& problem : judged.problems) context.err << printable(problem.show()) << '\n';
    if (!judged.ok())
        return stop(context.fail(status::configuration,
                                 "with this change the file would not be right, nothing was "
                                 "changed (lines as they would be afterwards)"));
    if (!dry_run_) {
        const auto status = context.disk.status(path_);
        if (!status) return stop(context.fail(status.error()));
        // The file holds secrets: never wider than 0640, whatever it was.
        if (auto done = disk::replace_file(context.disk, path_, *after, status->mode & 0640); !done)
            return stop(context.fail(done.error()));
    }
    print_difference(context, domain_.file, text_, *after, dry_run_);
    text_ = *after;
    domain_ = std::move(*judged.value);
    return true;
}

}  // namespace mailhandler::cmd
