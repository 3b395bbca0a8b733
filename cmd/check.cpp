// check: everything that is wrong with a root, before the server or the mail finds out.
#include <algorithm>
#include <fmt/format.h>

#include "commands.hpp"
#include "config/scan.hpp"
#include "print.hpp"
#include "root.hpp"
#include "run/check.hpp"
#include "run/fetch.hpp"

namespace mailhandler::cmd {

namespace {

using Problems = std::vector<config::Problem>;

void append(Problems& to, Problems more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Rules that only the files together can break. What a file's own reading told is not repeated.
void review(const route::Directory& directory, Problems& found) {
    for (const auto& [name, domain] : directory.domains()) {
        if (domain->unavailable) continue;
        for (auto& finding : route::review(directory, *domain)) {
            const bool told = std::any_of(found.begin(), found.end(), [&](const auto& problem) {
                return problem.file == finding.file && problem.line == finding.line &&
                       problem.text == finding.text;
            });
            if (!told)
                found.push_back({finding.file, finding.line, 0, finding.text, finding.error});
        }
    }
}

// Where `wanted` of a file stands, from 1; 0 when it cannot be found.
unsigned line_of(Context& context, const std::string& file, const config::KeyPath& wanted) {
    const auto text =
        disk::read_file(context.disk, store::Layout(context.root).from_root(file));
    if (!text) return 0;
    const auto statements = config::scan(*text);
    for (const auto& statement : statements) {
        if (statement.kind != config::Statement::Kind::pair) continue;
        config::KeyPath key;
        if (statement.section != config::Statement::none)
            key = statements[statement.section].header;
        key.insert(key.end(), statement.pair.key.begin(), statement.pair.key.end());
        if (key == wanted) return statement.number;
    }
    return 0;
}

// A file that `key` names, seen from the root.
void look_at_named(Context& context, const std::string& file, const config::KeyPath& key,
                   const std::string& named, Problems& found) {
    if (named.empty()) return;
    const auto text = disk::read_file(context.disk, store::Layout(context.root).from_root(named));
    if (!text)
        found.push_back({file, line_of(context, file, key), 0,
                         fmt::format("'{}': {}", key.back(), text.error().text()), true});
}

// What a fetch file names and fetch would not find.
void review_fetch(Context& context, const route::Directory& directory, const config::Fetch& fetch,
                  Problems& found) {
    const std::string file = "fetch/" + fetch.name + ".toml";
    if (!directory.find(fetch.domain))
        found.push_back({file, line_of(context, file, {"domain"}), 0,
                         fmt::format("'domain': {} has no file in domains/", fetch.domain), true});
    look_at_named(context, file, {"password_file"}, fetch.password_file, found);
    look_at_named(context, file, {"ca_file"}, fetch.ca_file, found);
}

std::vector<std::string> secret_files(Context& context, const route::Directory& directory,
                                      Problems& found) {
    std::vector<std::string> files;
    auto domains = config::domain_names(context.disk, context.root);
    auto fetches = config::fetch_names(context.disk, context.root);
    for (const auto& name : domains.names) files.push_back("domains/" + name + ".toml");
    for (const auto& name : fetches.names) {
        files.push_back("fetch/" + name + ".toml");
        auto fetch = config::load_fetch(context.disk, context.root, name);
        append(found, std::move(fetch.problems));
        if (fetch.ok()) review_fetch(context, directory, *fetch.value, found);
    }
    append(found, std::move(fetches.problems));
    return files;
}

Problems everything(Context& context) {
    Problems found;
    auto server = config::load_server(context.disk, context.root);
    append(found, std::move(server.problems));
    // With a broken mailhandler.toml the domains are still looked at.
    const config::Server known = server.value.value_or(config::Server{});
    auto loaded = config::load_directory(context.disk, context.root, known);
    append(found, std::move(loaded.problems));
    review(loaded.directory, found);
    append(found, run::check_permissions(context.disk, context.root,
                                         secret_files(context, loaded.directory, found)));
    if (server.ok()) {
        append(found, run::check_listeners(known));
        append(found, run::check_tls(context.disk, context.root, known, context.clock.wall()));
        look_at_named(context, "mailhandler.toml", {"outbound", "password_file"},
                      known.outbound.password_file, found);
    }
    if (loaded.directory.domains().empty())
        found.push_back({"domains", 0, 0, "there is no domain yet: 'mailhandler add-domain D'",
                         false});
    return found;
}

// Logs in to every fetch server. A server that is only out of reach is a warning.
int look_at_remotes(Context& context, Problems& found) {
    int worst = status::done;
    for (const auto& name : config::fetch_names(context.disk, context.root).names) {
        const auto fetch = config::load_fetch(context.disk, context.root, name);
        if (!fetch.ok()) continue;
        const auto seen =
            run::look_at_remote(context.disk, context.clock, context.root, *fetch.value);
        const std::string file = "fetch/" + name + ".toml";
        if (seen) {
            context.say(fmt::format("{}: logged in; {} messages wait there", file, *seen));
            continue;
        }
        found.push_back({file, 0, 0, seen.error().text(), !seen.error().temporary});
        worst = gravest(worst, status_of(seen.error()));
    }
    return worst;
}

void print_json(Context& context, const Problems& found) {
    Json json(context.out);
    json.array();
    for (const auto& problem : found)
        json.object()
            .member("file", problem.file)
            .member("line", problem.line)
            .member("column", problem.column)
            .member("severity", problem.error ? "error" : "warning")
            .member("text", problem.text)
            .end();
    json.end();
}

std::string count(std::ptrdiff_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

int run(Context& context, const Arguments& arguments) {
    if (!disk::exists(context.disk, store::Layout(context.root).server_file()))
        return read_server(context).error();
    Problems found = everything(context);
    const int remote =
        arguments.has("--remote") ? look_at_remotes(context, found) : status::done;
    const auto errors = std::count_if(found.begin(), found.end(),
                                      [](const auto& problem) { return problem.error; });
    if (context.json)
        print_json(context, found);
    else
        for (const auto& problem : found) context.out << printable(problem.show()) << '\n';
    if (found.empty())
        context.say("nothing is wrong with " + context.root);
    else
        context.say(count(errors, "error") + ", " +
                    count(static_cast<std::ptrdiff_t>(found.size()) - errors, "warning"));
    return gravest(remote, errors ? status::configuration : status::done);
}

}  // namespace

Command check() {
    return {
        .name = "check",
        .group = "Start",
        .summary = "find everything that is wrong with a root",
        .description =
            "Reads every file as the server would, judges every rule, and looks at certificates, "
            "listeners and permissions; with --remote it logs in to the fetch servers too, where 75 says "
            "that one cannot be reached now. One line for each problem: the file and line, 'error' or "
            "'warning', and what to do. The status is 78 when there is an error.\n\n"
            "With --json, an array of {\"file\", \"line\", \"column\", \"severity\", \"text\"}.",
        .arguments = {},
        .options = {{"--remote", "", "also log in to the servers of fetch/"}},
        .examples = {{"mailhandler check", "before and after editing by hand"},
                     {"mailhandler check --remote", "… and try every account"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
