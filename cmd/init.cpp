// init: a root to begin with.
#include <fmt/format.h>
#include <unistd.h>

#include "commands.hpp"
#include "print.hpp"
#include "root.hpp"
#include "run/init.hpp"

namespace mailhandler::cmd {

namespace {

std::string this_host() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 && name[0] ? name : "localhost";
}

int run(Context& context, const Arguments& arguments) {
    if (context.root.empty())
        return context.usage_error("where to? give --root DIR or set MAILHANDLER_ROOT");
    const std::string given = arguments.option("--hostname").value_or(this_host());
    const auto hostname = mail::canonical_domain(given);
    if (!hostname)
        return context.usage_error(fmt::format("--hostname {}: {}", given, hostname.error().cause));
    const bool there = disk::exists(context.disk, store::Layout(context.root).server_file());
    const auto made = run::init(context.disk, {context.root, *hostname, geteuid() == 0},
                                context.clock.wall());
    if (!made) return context.fail(made.error());
    if (context.json)
        Json(context.out).object().member("root", context.root).member("made", *made).end();
    else
        for (const auto& path : *made) context.out << context.root << '/' << path << '\n';
    if (there)
        context.say(fmt::format("{} is a root already; nothing in it was changed{}", context.root,
                                made->empty() ? "" : " but for what was missing"));
    else
        context.hint("'mailhandler add-domain D' adds the first domain");
    return status::done;
}

}  // namespace

Command init() {
    return {
        .name = "init",
        .group = "Start",
        .summary = "make a root with commented files",
        .description =
            "Makes the directory that --root or MAILHANDLER_ROOT names, with mailhandler.toml, "
            "places for domain and fetch files, and a self-signed certificate. Run by root it "
            "listens on the usual ports, run by anybody else on high ports of loopback: SMTP 2525, "
            "POP3 2110, IMAP 2143. In /etc/mailhandler, [paths] puts mail and state below "
            "/var/lib/mailhandler. What is there already is left as it is.\n\n"
            "With --json, one object: {\"root\", \"made\": [paths]}.",
        .arguments = {},
        .options = {{"--hostname", "H", "the server's name; this machine's when it is missing"}},
        .examples = {{"mailhandler --root ./mail init --hostname mail.example.com",
                      "a root to try things in"}},
        .run = run,
        .needs_root = false,
    };
}

}  // namespace mailhandler::cmd
