#include "complete.hpp"

#include <algorithm>
#include <cstdlib>

#include "commands.hpp"

namespace mailhandler::cmd {

namespace {

struct Candidate {
    std::string word, says;
};
using Candidates = std::vector<Candidate>;

// A command line that is not finished, read as far as it goes.
struct Typed {
    const Command* command = nullptr;
    std::size_t positional = 0;         // words before the current one that are no options
    std::vector<std::string> given;     // options that are there already
    const Option* expecting = nullptr;  // the current word is this option's value
    bool only_words = false;            // "--" was typed
    std::string root;
};

const Option* find_option(const Command* command, const std::string& name) {
    if (command)
        for (const auto& option : command->options)
            if (option.name == name) return &option;
    for (const auto& option : global_options())
        if (option.name == name) return &option;
    return nullptr;
}

Typed read(const std::vector<std::string>& words) {
    Typed typed;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (typed.expecting) {
            if (typed.expecting->name == "--root") typed.root = word;
            typed.expecting = nullptr;
        } else if (word == "--") {
            typed.only_words = true;
        } else if (!typed.only_words && word.size() > 1 && word.front() == '-') {
            const auto equals = word.find('=');
            const std::string name = word.substr(0, equals);
            typed.given.push_back(name);
            const Option* option = find_option(typed.command, name);
            if (option && !option->value.empty() && equals == word.npos) typed.expecting = option;
            if (name == "--root" && equals != word.npos) typed.root = word.substr(equals + 1);
        } else if (!typed.command) {
            typed.command = find_command(word);
            if (!typed.command) ++typed.positional;
        } else {
            ++typed.positional;
        }
    }
    return typed;
}

Candidates command_candidates() {
    Candidates found;
    for (const auto& command : commands())
        if (!command.hidden)
            found.push_back({std::string(command.name), std::string(command.summary)});
    return found;
}

Candidates option_candidates(const Typed& typed) {
    Candidates found;
    const auto add = [&](const std::vector<Option>& options) {
        for (const auto& option : options)
            if (std::find(typed.given.begin(), typed.given.end(), option.name) ==
                typed.given.end())
                found.push_back({std::string(option.name), std::string(option.description)});
    };
    if (typed.command) add(typed.command->options);
    add(global_options());
    return found;
}

// What the value may be, whatever of it is typed already.
Candidates value_candidates(Context&, Completes kind,
                            const std::vector<std::string_view>& choices) {
    switch (kind) {
        case Completes::command: return command_candidates();
        case Completes::file: return {{":files", ""}};
        case Completes::directory: return {{":directories", ""}};
        case Completes::choice: {
            Candidates found;
            for (const auto choice : choices) found.push_back({std::string(choice), ""});
            return found;
        }
        default: return {};
    }
}

const Argument* argument_at(const Command& command, std::size_t position) {
    const auto& arguments = command.arguments;
    if (position < arguments.size()) return &arguments[position];
    return !arguments.empty() && arguments.back().repeats ? &arguments.back() : nullptr;
}

Candidates candidates(Context& context, const Typed& typed, const std::string& current) {
    if (typed.expecting)
        return value_candidates(context, typed.expecting->completes, typed.expecting->choices);
    if (!typed.only_words && !current.empty() && current.front() == '-')
        return option_candidates(typed);
    if (!typed.command) return typed.positional ? Candidates() : command_candidates();
    const Argument* argument = argument_at(*typed.command, typed.positional);
    return argument ? value_candidates(context, argument->completes, argument->choices)
                    : Candidates();
}

}  // namespace

int complete(Context& context, const std::vector<std::string>& words) {
    const std::string current = words.empty() ? "" : words.back();
    const Typed typed = read(words);
    const char* from_environment = std::getenv("MAILHANDLER_ROOT");
    context.root = !typed.root.empty() ? typed.root
                   : from_environment  ? from_environment
                                       : "/etc/mailhandler";
    for (const auto& candidate : candidates(context, typed, current)) {
        const bool directive = candidate.word.front() == ':';
        if (!directive && !candidate.word.starts_with(current)) continue;
        context.out << candidate.word;
        if (!directive && !candidate.says.empty()) context.out << '\t' << candidate.says;
        context.out << '\n';
    }
    return status::done;
}

}  // namespace mailhandler::cmd
