// From argv to one command: finds the root, hands the command its world, answers with a status.
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.hpp"
#include "complete.hpp"
#include "context.hpp"
#include "manual.hpp"
#include "parse.hpp"

namespace mailhandler::cmd {

namespace {

Terminal look_at_terminal() {
    Terminal terminal{isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1,
                      isatty(STDERR_FILENO) == 1};
    const char* no_color = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    terminal.colour = terminal.out && !(no_color && *no_color) &&
                      !(kind && std::string_view(kind) == "dumb");
    winsize size{};
    if (terminal.out && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        terminal.columns = size.ws_col;
    return terminal;
}

// --root, else $MAILHANDLER_ROOT, else /etc/mailhandler where that exists, else nothing.
std::string find_root(disk::Disk& disk, const std::string& given) {
    if (!given.empty()) return given;
    const char* from_environment = std::getenv("MAILHANDLER_ROOT");
    if (from_environment && *from_environment) return from_environment;
    const std::string usual = "/etc/mailhandler";
    return disk::exists(disk, usual) ? usual : "";
}

int run_command(Context& context, const Parsed& parsed) {
    if (parsed.command->needs_root && context.root.empty())
        return context.fail(status::configuration,
                            "there is no root: neither --root nor MAILHANDLER_ROOT is given, and "
                            "/etc/mailhandler does not exist",
                            "'mailhandler --root DIR init' makes one");
    return parsed.command->run(context, parsed.arguments);
}

int answer(Context& context, const Parsed& parsed) {
    if (!parsed.error.empty()) {
        context.say(parsed.error);
        if (parsed.command) context.err << synopsis(*parsed.command) << '\n';
        context.hint(!parsed.hint.empty() ? parsed.hint
                     : parsed.command
                         ? fmt::format("mailhandler help {}", parsed.command->name)
                         : std::string("mailhandler help"));
        return status::usage;
    }
    if (parsed.version) return find_command("version")->run(context, {});
    if (parsed.help) {
        context.out << (parsed.command ? help_text(*parsed.command) : overview());
        return status::done;
    }
    if (!parsed.command) {
        context.err << overview();
        return status::usage;
    }
    return run_command(context, parsed);
}

int run(const std::vector<std::string>& words) {
    const auto disk = disk::system_disk();
    const SystemClock clock;
    SystemRandom random;
    Context context{.in = std::cin, .out = std::cout, .err = std::cerr,
                    .terminal = look_at_terminal(), .disk = *disk, .clock = clock,
                    .random = random};
    // Before the parser: these words are a command line that is not finished.
    if (!words.empty() && words.front() == "__complete") {
        Context quiet = context;
        return complete(quiet, {words.begin() + 1, words.end()});
    }
    const Parsed parsed = parse(words);
    context.command = parsed.command;
    context.json = parsed.json;
    context.root = find_root(*disk, parsed.root);
    const int status = answer(context, parsed);
    context.out.flush();
    // Data that did not reach its reader is not "done": a full disk behind `> file`.
    if (!context.out && status == status::done)
        return context.fail(status::later, "standard output could not be written");
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    try {
        return run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::cerr << "mailhandler: this is a bug: " << error.what() << '\n';
        return status::later;
    }
}

}  // namespace mailhandler::cmd
