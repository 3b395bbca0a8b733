#include "manual.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace mailhandler::cmd {

namespace {

// Columns of UTF-8 text; every character of ours is one column wide.
std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string argument_text(const Argument& argument) {
    std::string text;
    if (argument.choices.empty() || argument.repeats) {
        text = argument.name;
    } else {
        for (const auto choice : argument.choices) {
            if (!text.empty()) text += '|';
            text += choice;
        }
    }
    if (argument.repeats) text += "…";
    return argument.required ? text : "[" + text + "]";
}

std::string option_text(const Option& option) {
    std::string text(option.name);
    if (!option.value.empty()) text += " " + std::string(option.value);
    return text;
}

std::vector<std::string> synopsis_words(const Command& command) {
    std::vector<std::string> words;
    for (const auto& argument : command.arguments) words.push_back(argument_text(argument));
    for (const auto& option : command.options) words.push_back("[" + option_text(option) + "]");
    return words;
}

template <class Rows>  // pairs of a term and its explanation
std::string two_columns(const Rows& rows) {
    std::string text;
    for (const auto& [term, says] : rows) {
        std::string explanation = wrapped(says, 24);
        // The explanation begins on the term's own line where there is room.
        if (columns(term) < 21)
            explanation = "   " + term + std::string(21 - columns(term), ' ') +
                          explanation.substr(24);
        else
            explanation = "   " + term + "\n" + explanation;
        text += explanation;
    }
    return text;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows option_rows(const std::vector<Option>& options) {
    Rows rows;
    for (const auto& option : options)
        rows.emplace_back(option_text(option), std::string(option.description));
    return rows;
}

}  // namespace

std::string wrapped(std::string_view text, unsigned indent, unsigned width) {
    const std::string margin(indent, ' ');
    std::string out, line;
    const auto flush = [&] {
        if (!line.empty()) out += margin + line + '\n';
        line.clear();
    };
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view row = text.substr(0, end);
        text = end == text.npos ? std::string_view() : text.substr(end + 1);
        if (row.empty() || row.front() == ' ') {
            flush();
            out += row.empty() ? "\n" : margin + std::string(row) + '\n';
            continue;
        }
        for (std::size_t at = 0; at < row.size();) {
            const auto space = std::min(row.find(' ', at), row.size());
            const std::string_view word = row.substr(at, space - at);
            at = space + 1;
            if (word.empty()) continue;
            if (!line.empty() && indent + columns(line) + 1 + columns(word) > width) flush();
            if (!line.empty()) line += ' ';
            line += word;
        }
    }
    flush();
    return out;
}

std::string synopsis(const Command& command) {
    std::string line = fmt::format("usage: mailhandler {}", command.name), out;
    for (const auto& word : synopsis_words(command)) {
        if (columns(line) + 1 + columns(word) > 80) {
            out += line + '\n';
            line = std::string(19, ' ');
        }
        line += ' ' + word;
    }
    return out + line;
}

std::string overview() {
    std::string text = "usage: mailhandler [--root DIR] [--json] COMMAND …\n\n" +
                       wrapped("A catch-all mail host and its office-side fetcher in one program. "
                               "These are its commands:",
                               0);
    for (const auto group : groups()) {
        std::string lines;
        for (const auto& command : commands())
            if (command.group == group && !command.hidden)
                lines += fmt::format("   {:<17} {}\n", command.name, command.summary);
        if (!lines.empty()) text += fmt::format("\n{}\n{}", group, lines);
    }
    return text +
           "\n'mailhandler help COMMAND' tells everything about one command, with examples.\n"
           "The root is --root DIR, else $MAILHANDLER_ROOT, else /etc/mailhandler.\n";
}

std::string help_text(const Command& command) {
    std::string text = fmt::format("mailhandler {} - {}\n\n{}\n\n", command.name, command.summary,
                                   synopsis(command));
    text += wrapped(command.description, 0);
    if (!command.arguments.empty()) {
        Rows rows;
        for (const auto& argument : command.arguments)
            rows.emplace_back(std::string(argument.name), std::string(argument.description));
        text += "\nArguments\n" + two_columns(rows);
    }
    text += "\nOptions\n";
    text += two_columns(option_rows(command.options));
    text += two_columns(option_rows(global_options()));
    text += "\nExamples\n";
    for (const auto& example : command.examples)
        text += fmt::format("   {}\n{}", example.line, wrapped(example.says, 6));
    return text;
}

}  // namespace mailhandler::cmd
