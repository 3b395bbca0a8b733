#include <cstdlib>
#include <fmt/format.h>

#include "base/log.hpp"
#include "commands.hpp"
#include "context.hpp"
#include "run/serve.hpp"

namespace mailhandler::cmd {

namespace {

int run(Context& context, const Arguments& arguments) {
    run::ServeOptions options;
    options.root = context.root;
    // systemd sets JOURNAL_STREAM where standard error is its journal: it reads "<N>" priorities.
    options.log = stderr_log(std::getenv("JOURNAL_STREAM") != nullptr,
                             arguments.has("--verbose") ? Severity::debug : Severity::info);
    const Log log = options.log;
    options.ready = [log](const std::vector<std::string>& listening) {
        for (const std::string& line : listening) log.info("listening: " + line);
        if (listening.empty())
            log.warning("nothing to listen on: [listen] in mailhandler.toml is empty");
        log.info("ready");
    };
    const auto served = run::serve(context.disk, context.clock, options);
    if (!served) return context.fail(served.error());
    return status::done;
}

}  // namespace

Command serve() {
    return {
        .name = "serve",
        .group = "Start",
        .summary = "receive, serve and collect mail, in the foreground",
        .description =
            "Does everything the root asks for until it is told to stop: listens where [listen] in "
            "mailhandler.toml says, stores what arrives, hands out what is stored, and collects "
            "from the accounts of fetch/ as their 'every' says. Changes of the configuration are "
            "in force within a second; a file that cannot be loaded keeps its last version in "
            "force.\n\n"
            "SIGTERM and SIGINT finish the transactions under way and then end the server, a "
            "second one ends it at once. SIGHUP looks at every configuration file again.\n\n"
            "One serve may run for a root; another one ends with status 75.",
        .arguments = {},
        .options = {{"--verbose", "", "also say what concerns single connections"}},
        .examples = {{"mailhandler --root ./office serve", "serve this root until Ctrl-C"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
