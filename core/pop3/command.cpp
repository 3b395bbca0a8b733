#include "pop3/command.hpp"

#include <array>
#include <charconv>

namespace mailhandler::pop3 {

namespace {

struct Keyword {
    std::string_view word;
    Verb verb;
};

constexpr std::array keywords{
    Keyword{"RETR", Verb::retr}, Keyword{"DELE", Verb::dele}, Keyword{"TOP", Verb::top},
    Keyword{"UIDL", Verb::uidl}, Keyword{"LIST", Verb::list}, Keyword{"STAT", Verb::stat},
    Keyword{"QUIT", Verb::quit}, Keyword{"CAPA", Verb::capa}, Keyword{"USER", Verb::user},
    Keyword{"PASS", Verb::pass}, Keyword{"AUTH", Verb::auth}, Keyword{"STLS", Verb::stls},
    Keyword{"UTF8", Verb::utf8}, Keyword{"NOOP", Verb::noop}, Keyword{"RSET", Verb::rset},
};

std::string_view without_trailing_spaces(std::string_view text) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

}  // namespace

bool same_keyword(std::string_view given, std::string_view upper) {
    if (given.size() != upper.size()) return false;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const bool lower = given[i] >= 'a' && given[i] <= 'z';
        if ((lower ? given[i] - 32 : given[i]) != upper[i]) return false;
    }
    return true;
}

Command parse_command(std::string_view line) {
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    Command command;
    for (const Keyword& keyword : keywords) {
        if (same_keyword(word, keyword.word)) {
            command.verb = keyword.verb;
            break;
        }
    }
    if (space != std::string_view::npos) command.argument = line.substr(space + 1);
    // A password may end in a space, and every octet of it counts.
    if (command.verb != Verb::pass) command.argument = without_trailing_spaces(command.argument);
    return command;
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<TopArguments> parse_top(std::string_view argument) {
    const std::size_t space = argument.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto number = parse_number(argument.substr(0, space));
    const auto lines = parse_number(argument.substr(space + 1));
    if (!number || !lines) return std::nullopt;
    return TopArguments{*number, *lines};
}

}  // namespace mailhandler::pop3
