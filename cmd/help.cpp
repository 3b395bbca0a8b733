// help: the groups of commands, one command in full, or (hidden) their man pages.
#include <fmt/format.h>

#include "base/near.hpp"
#include "commands.hpp"
#include "context.hpp"
#include "manual.hpp"

namespace mailhandler::cmd {

namespace {

int run(Context& context, const Arguments& arguments) {
    const std::string& name = arguments.one("COMMAND");
    const bool man = arguments.has("--man");
    if (arguments.has("--list")) {
        for (const auto& command : commands())
            if (!command.hidden) context.out << command.name << '\n';
        return status::done;
    }
    if (name.empty()) {
        context.out << (man ? man_overview() : overview());
        return status::done;
    }
    const Command* command = find_command(name);
    if (!command) {
        std::vector<std::string> known;
        for (const auto& each : commands())
            if (!each.hidden) known.emplace_back(each.name);
        const auto meant = nearest(name, known);
        return context.fail(status::usage, fmt::format("there is no command '{}'", name),
                            meant ? fmt::format("did you mean '{}'?", *meant)
                                  : std::string("'mailhandler help' lists the commands"));
    }
    context.out << (man ? man_page(*command) : help_text(*command));
    return status::done;
}

}  // namespace

Command help() {
    return {
        .name = "help",
        .group = "Learn",
        .summary = "list the commands, or explain one",
        .description = "Without an argument, lists every command in its group. With the name of a "
                       "command, tells its arguments and options, with examples; "
                       "'mailhandler COMMAND --help' does the same.",
        .arguments = {{"COMMAND", "the command to explain", Completes::command, false}},
        .options = {{"--man", "", "print the manual page instead, in man(7) form"},
                    {"--list", "", "print the bare names of the commands, one a line"}},
        .examples = {{"mailhandler help", "the commands in their groups"},
                     {"mailhandler help set-default", "everything about one command"},
                     {"mailhandler help --man explain | man -l -", "its manual page"}},
        .run = run,
        .needs_root = false,
    };
}

}  // namespace mailhandler::cmd
