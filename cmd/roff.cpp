// Man pages from the table: the man(7) macros, nothing else, so that every man renders them.
#include <fmt/format.h>

#include "manual.hpp"

namespace mailhandler::cmd {

namespace {

// Text as roff input: no character of it is a command to the formatter.
std::string roff(std::string_view text) {
    std::string out;
    bool begins = true;
    for (const char c : text) {
        if (begins && (c == '.' || c == '\'')) out += "\\&";
        begins = c == '\n';
        switch (c) {
            case '\\': out += "\\e"; break;
            case '-': out += "\\-"; break;
            case '~': out += "\\(ti"; break;
            case '^': out += "\\(ha"; break;
            case '`': out += "\\(ga"; break;
            case '\'': out += "\\(aq"; break;
            case '"': out += "\\(dq"; break;
            default: out += c;
        }
    }
    return out;
}

std::string title(std::string_view name, std::string_view summary) {
    std::string upper(name);
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return fmt::format(".TH {} 1 \"\" \"mailhandler {}\" \"mailhandler\"\n.SH NAME\n{} \\- {}\n",
                       roff(upper), version(), roff(name), roff(summary));
}

// Paragraphs; a line that begins with a space is shown as it is written.
std::string paragraphs(std::string_view text) {
    std::string out;
    bool literal = false, fresh = true;
    const auto close = [&] {
        if (literal) out += ".EE\n.RE\n";
        literal = false;
    };
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view row = text.substr(0, end);
        text = end == text.npos ? std::string_view() : text.substr(end + 1);
        if (row.empty()) {
            close();
            fresh = true;
            continue;
        }
        if (row.front() == ' ') {
            if (!literal) out += ".RS 4\n.EX\n";
            literal = true;
            out += roff(row.substr(row.find_first_not_of(' '))) + '\n';
            continue;
        }
        close();
        if (fresh) out += ".PP\n";
        fresh = false;
        out += roff(row) + '\n';
    }
    close();
    return out;
}

std::string term(std::string_view name, std::string_view value, std::string_view says) {
    std::string out = fmt::format(".TP\n.B {}", roff(name));
    if (!value.empty()) out = fmt::format(".TP\n.BI \"{} \" {}", roff(name), roff(value));
    return out + '\n' + roff(says) + '\n';
}

std::string options_section(const std::vector<Option>& own) {
    std::string out = ".SH OPTIONS\n";
    for (const auto* options : {&own, &global_options()})
        for (const auto& option : *options)
            out += term(option.name, option.value, option.description);
    return out;
}

std::string exit_section() {
    std::string out = ".SH EXIT STATUS\n";
    for (const auto& [status, says] : {
             std::pair{"0", "done"},
             {"1", "the answer is no: an address that is refused, mail newly held"},
             {"2", "the command line makes no sense"},
             {"75", "try again later: a lock that is busy, a server that is down"},
             {"78", "the configuration has an error"},
         })
        out += term(status, "", says);
    return out;
}

}  // namespace

std::string man_page(const Command& command) {
    std::string out = title(fmt::format("mailhandler-{}", command.name), command.summary);
    out += ".SH SYNOPSIS\n" + roff(synopsis(command).substr(std::string_view("usage: ").size())) +
           "\n.SH DESCRIPTION\n" + paragraphs(command.description);
    if (!command.arguments.empty()) {
        out += ".SH ARGUMENTS\n";
        for (const auto& argument : command.arguments)
            out += fmt::format(".TP\n.I {}\n{}\n", roff(argument.name), roff(argument.description));
    }
    out += options_section(command.options) + ".SH EXAMPLES\n";
    for (const auto& example : command.examples)
        out += fmt::format(".TP\n.B {}\n{}\n", roff(example.line), roff(example.says));
    return out + exit_section() + ".SH SEE ALSO\n.BR mailhandler (1),\n.BR mailhandler.toml (5)\n";
}

std::string man_overview() {
    std::string out = title("mailhandler", "a catch-all mail host and its office-side fetcher");
    out += ".SH SYNOPSIS\n.B mailhandler\n[\\-\\-root DIR] [\\-\\-json] COMMAND …\n.SH DESCRIPTION\n";
    out += paragraphs(
        "At the provider, mailhandler receives the mail of each domain it was given. An address "
        "that is defined goes where it is defined to go; a bouncer answers no at the door; every "
        "other address goes to the domain's default mail handler, which rejects it, delivers it "
        "to the domain's own mailbox, or forwards it.\n\n"
        "In the office, it collects such a mailbox, sorts every message by the address it was "
        "really sent to, and hands each person their own.\n\n"
        "Everything lies in plain files below one directory, the root; the configuration is TOML "
        "that commands edit without touching anything else in it.");
    out += ".SH COMMANDS\n";
    for (const auto group : groups()) {
        std::string lines;
        for (const auto& command : commands())
            if (command.group == group && !command.hidden)
                lines += fmt::format(".TP\n.BR mailhandler\\-{} (1)\n{}\n", roff(command.name),
                                     roff(command.summary));
        if (!lines.empty()) out += fmt::format(".SS {}\n{}", roff(group), lines);
    }
    out += options_section({}) + ".SH ENVIRONMENT\n" +
           term("MAILHANDLER_ROOT", "", "the root, where --root is not given") +
           term("NO_COLOR", "", "when set and not empty, nothing is coloured") + ".SH FILES\n" +
           term("/etc/mailhandler", "", "the root, where neither of them is given") +
           exit_section() + ".SH SEE ALSO\n.BR mailhandler.toml (5)\n";
    return out;
}

}  // namespace mailhandler::cmd
