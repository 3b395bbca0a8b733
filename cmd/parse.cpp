#include "parse.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <fmt/format.h>

#include "base/near.hpp"

namespace mailhandler::cmd {

namespace {

// What CLI11 fills for one command.
struct Slots {
    const Command* command = nullptr;
    CLI::App* app = nullptr;
    std::vector<std::string> words;                // positional, in order
    std::deque<std::vector<std::string>> options;  // as the command lists them
};

void add_command(CLI::App& top, Slots& slots) {
    slots.app = top.add_subcommand(std::string(slots.command->name));
    slots.app->fallthrough();  // --root and --json may follow the command's name
    slots.app->set_help_flag();
    slots.app->add_option("words", slots.words)->expected(0, -1);
    for (const auto& option : slots.command->options) {
        const std::string name(option.name);
        auto& values = slots.options.emplace_back();
        if (option.value.empty())
            slots.app->add_flag_function(name, [&values](std::int64_t) { values = {""}; });
        else
            slots.app->add_option_function<std::string>(
                name, [&values](const std::string& value) { values = {value}; });
    }
}

// The options a word may have been meant for.
std::vector<std::string> option_names(const Command* command) {
    std::vector<std::string> names;
    for (const auto& option : global_options()) names.emplace_back(option.name);
    if (command)
        for (const auto& option : command->options) names.emplace_back(option.name);
    return names;
}

std::vector<std::string> command_names() {
    std::vector<std::string> names;
    for (const auto& command : commands())
        if (!command.hidden) names.emplace_back(command.name);
    return names;
}

void complain_of_stray(Parsed& parsed, const std::string& word) {
    if (word.size() > 1 && word.front() == '-') {
        const std::string name = word.substr(0, word.find('='));
        parsed.error = fmt::format("there is no option '{}'", name);
        if (const auto meant = nearest(name, option_names(parsed.command)))
            parsed.hint = fmt::format("did you mean '{}'?", *meant);
    } else {
        parsed.error = fmt::format("there is no command '{}'", word);
        const auto meant = nearest(word, command_names());
        parsed.hint = meant ? fmt::format("did you mean '{}'?", *meant)
                            : std::string("'mailhandler help' lists the commands");
    }
}

bool allowed(const std::vector<std::string_view>& choices, const std::string& value) {
    return choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end();
}

std::string one_of(const std::vector<std::string_view>& choices) {
    return fmt::format("{}", fmt::join(choices, ", "));
}

// Gives every positional word to the argument it is for.
void assign_words(Parsed& parsed, const std::vector<std::string>& words) {
    const auto& arguments = parsed.command->arguments;
    std::size_t next = 0;
    for (const auto& argument : arguments) {
        if (next == words.size() && argument.required) {
            parsed.error = fmt::format("{} is missing: {}", argument.name, argument.description);
            return;
        }
        do {
            if (next == words.size()) break;
            if (!allowed(argument.choices, words[next])) {
                parsed.error = fmt::format("'{}' is not one of {}", words[next],
                                           one_of(argument.choices));
                return;
            }
            parsed.arguments.add(argument.name, words[next++]);
        } while (argument.repeats);
    }
    if (next < words.size()) parsed.error = fmt::format("'{}' is one word too many", words[next]);
}

void assign(Parsed& parsed, const Slots& slots) {
    for (std::size_t i = 0; i < slots.options.size(); ++i) {
        const auto& option = parsed.command->options[i];
        for (const auto& value : slots.options[i]) {
            if (!option.value.empty() && !allowed(option.choices, value)) {
                parsed.error = fmt::format("'{}' is not a value of {}: it takes {}", value,
                                           option.name, one_of(option.choices));
                return;
            }
            parsed.arguments.add(option.name, value);
        }
    }
    assign_words(parsed, slots.words);
}

}  // namespace

Parsed parse(const std::vector<std::string>& words) {
    Parsed parsed;
    const auto end = std::find(words.begin(), words.end(), "--");  // only words stand behind it
    CLI::App top;
    top.set_help_flag();
    top.allow_extras();
    top.require_subcommand(0, 1);  // "help explain": explain is an argument there, not a command
    top.add_option("--root", parsed.root);
    top.add_flag("--json", parsed.json);
    top.add_flag("-h,--help", parsed.help);
    top.add_flag("--version", parsed.version);
    std::deque<Slots> all;
    for (const auto& command : commands()) {
        all.push_back(Slots{&command});
        add_command(top, all.back());
    }
    try {
        top.parse(std::vector<std::string>(std::make_reverse_iterator(end), words.rend()));
    } catch (const CLI::ArgumentMismatch& error) {
        // "--root: 1 required TEXT missing", "--text: Expected 1 …": its first word is the option's name.
        const std::string text = error.what();
        parsed.error = fmt::format("{} takes one value", text.substr(0, text.find(':')));
    } catch (const CLI::ParseError& error) {
        parsed.error = error.what();
    }
    const auto named = std::find_if(all.begin(), all.end(),
                                    [](const Slots& slots) { return slots.app->parsed(); });
    auto stray = top.remaining();
    const auto behind = end == words.end() ? end : end + 1;
    auto& rest = named != all.end() ? named->words : stray;
    rest.insert(rest.end(), behind, words.end());
    if (named != all.end()) parsed.command = named->command;
    if (parsed.error.empty() && !stray.empty()) complain_of_stray(parsed, stray.front());
    const bool asks = parsed.help || parsed.version;
    if (parsed.error.empty() && parsed.command && !asks) assign(parsed, *named);
    return parsed;
}

}  // namespace mailhandler::cmd
