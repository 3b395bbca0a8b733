#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "commands.hpp"
#include "manual.hpp"
#include "parse.hpp"

using namespace mailhandler::cmd;

namespace {

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\n';
    });
}

// The words of an example as a shell would hand them over, up to a pipe; empty when it is one the
// test does not understand.
std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    std::string word;
    char quote = 0;
    bool any = false;
    for (const char c : line) {
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? 0 : c;
            any = true;
        } else if (!quote && (c == '|' || c == '<' || c == '>')) {
            break;
        } else if (!quote && c == ' ') {
            if (any) words.push_back(std::exchange(word, {}));
            any = false;
        } else {
            word += c;
            any = true;
        }
    }
    if (any) words.push_back(word);
    return words;
}

}  // namespace

TEST_CASE("every command says what it is, what it does and how it is used") {
    std::set<std::string_view> names;
    for (const auto& command : commands()) {
        INFO(command.name);
        CHECK(names.insert(command.name).second);
        CHECK(command.run != nullptr);
        CHECK(command.summary.size() > 5);
        CHECK(command.summary.size() <= 60);
        CHECK(command.summary.back() != '.');
        CHECK(command.description.size() > command.summary.size());
        CHECK_FALSE(command.examples.empty());
        CHECK(std::count(groups().begin(), groups().end(), command.group) == 1);
        CHECK_FALSE(has_control(command.description));
        for (const auto& argument : command.arguments) {
            INFO(argument.name);
            CHECK_FALSE(argument.description.empty());
            CHECK((argument.completes == Completes::choice) == !argument.choices.empty());
            CHECK((!argument.repeats || &argument == &command.arguments.back()));
        }
        for (const auto& option : command.options) {
            INFO(option.name);
            CHECK(option.name.starts_with("--"));
            CHECK_FALSE(option.description.empty());
            CHECK((option.completes == Completes::choice) == !option.choices.empty());
        }
    }
}

TEST_CASE("required arguments come before optional ones") {
    for (const auto& command : commands()) {
        INFO(command.name);
        CHECK(std::is_partitioned(command.arguments.begin(), command.arguments.end(),
                                  [](const Argument& argument) { return argument.required; }));
    }
}

TEST_CASE("commands that change something can be tried with --dry-run") {
    for (const auto& command : commands()) {
        const bool changes = command.name.starts_with("add-") ||
                             command.name.starts_with("remove-") ||
                             command.name.starts_with("set-");
        if (!changes) continue;
        INFO(command.name);
        CHECK(std::any_of(command.options.begin(), command.options.end(),
                          [](const Option& option) { return option.name == "--dry-run"; }));
    }
}

TEST_CASE("every example is a command line that the parser takes") {
    for (const auto& command : commands())
        for (const auto& example : command.examples) {
            INFO(example.line);
            CHECK_FALSE(example.says.empty());
            auto words = words_of(example.line);
            const auto program = std::find(words.begin(), words.end(), "mailhandler");
            if (program == words.end()) continue;  // a pipe that ends in mailhandler
            const auto parsed = parse({program + 1, words.end()});
            CHECK(parsed.error == "");
            CHECK(parsed.command == &command);
        }
}

TEST_CASE("help and manual pages show every argument, option and example of the table") {
    const std::string all = overview();
    for (const auto& command : commands()) {
        if (command.hidden) continue;
        INFO(command.name);
        CHECK(all.find("   " + std::string(command.name) + " ") != all.npos);
        CHECK(all.find(command.summary) != all.npos);
        const std::string help = help_text(command), man = man_page(command);
        for (const auto& argument : command.arguments)
            CHECK(help.find(argument.name) != help.npos);
        for (const auto& option : command.options) {
            CHECK(help.find(option.name) != help.npos);
            std::string escaped;
            for (const char c : option.name) escaped += c == '-' ? "\\-" : std::string(1, c);
            CHECK(man.find(escaped) != man.npos);
        }
        for (const auto& example : command.examples)
            CHECK(help.find(example.line) != help.npos);
        CHECK(man_overview().find(command.summary.substr(0, 10)) != man_overview().npos);
    }
}

TEST_CASE("text is wrapped between words and keeps lines that begin with a space") {
    CHECK(wrapped("one two three", 2, 9) == "  one two\n  three\n");
    CHECK(wrapped("one\ntwo", 0) == "one two\n");
    CHECK(wrapped("one\n\ntwo", 0) == "one\n\ntwo\n");
    CHECK(wrapped("say:\n    a  b\nend", 1, 80) == " say:\n     a  b\n end\n");
    CHECK(wrapped("éééé é", 0, 6) == "éééé é\n");
}
