// version: which mailhandler this is.
#include "commands.hpp"
#include "context.hpp"
#include "print.hpp"

namespace mailhandler::cmd {

std::string_view version() { return MAILHANDLER_VERSION; }

namespace {

int run(Context& context, const Arguments&) {
    if (context.json)
        Json(context.out).object().member("name", "mailhandler").member("version", version()).end();
    else
        context.out << "mailhandler " << version() << '\n';
    return status::done;
}

}  // namespace

Command version_command() {
    return {
        .name = "version",
        .group = "Learn",
        .summary = "print the version",
        .description = "Prints the name and version of this program. With --json, one object: "
                       "{\"name\", \"version\"}.",
        .arguments = {},
        .options = {},
        .examples = {{"mailhandler version", "mailhandler and its version on one line"}},
        .run = run,
        .needs_root = false,
    };
}

}  // namespace mailhandler::cmd
