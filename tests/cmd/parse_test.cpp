#include "parse.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::cmd;

TEST_CASE("global options stand before the command or after it") {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"--root", "/r", "--json", "help", "version"},
             {"help", "--root", "/r", "version", "--json"},
             {"help", "version", "--root=/r", "--json"},
             {"--json", "help", "--root=/r", "version"},
         }) {
        const Parsed parsed = parse(words);
        CHECK(parsed.error == "");
        REQUIRE(parsed.command);
        CHECK(parsed.command->name == "help");
        CHECK(parsed.root == "/r");
        CHECK(parsed.json);
        CHECK(parsed.arguments.one("COMMAND") == "version");
    }
}

TEST_CASE("a command line that makes no sense is told with what was probably meant") {
    struct Row {
        std::vector<std::string> words;
        std::string error, hint;
    };
    for (const auto& row : std::vector<Row>{
             {{"hlep"}, "there is no command 'hlep'", "did you mean 'help'?"},
             {{"--jsno", "help"}, "there is no option '--jsno'", "did you mean '--json'?"},
             {{"help", "--mna"}, "there is no option '--mna'", "did you mean '--man'?"},
             {{"help", "--mna=3"}, "there is no option '--mna'", "did you mean '--man'?"},
             {{"help", "a", "b"}, "'b' is one word too many", ""},
             {{"version", "now"}, "'now' is one word too many", ""},
         }) {
        INFO(row.error);
        const Parsed parsed = parse(row.words);
        CHECK(parsed.error == row.error);
        CHECK(parsed.hint == row.hint);
    }
}

TEST_CASE("Behind -- there are only words") {
    const Parsed parsed = parse({"add-alias", "--dry-run", "--", "-x@example.com", "--json", "--"});
    CHECK(parsed.error == "");
    CHECK(!parsed.json);
    CHECK(parsed.arguments.has("--dry-run"));
    CHECK(parsed.arguments.one("ADDR") == "-x@example.com");
    CHECK(parsed.arguments.all("TARGET") == std::vector<std::string>{"--json", "--"});
    CHECK(parse({"help", "--"}).error == "");
    CHECK(parse({"--", "hlep"}).hint == "did you mean 'help'?");
    CHECK(parse({"add-alias", "-x", "--", "y"}).error == "there is no option '-x'");
}

TEST_CASE("help is given even where the rest of the line is not finished") {
    const Parsed parsed = parse({"version", "--help"});
    CHECK(parsed.error == "");
    CHECK(parsed.help);
}

TEST_CASE("the gravest status wins") {
    CHECK(gravest(0, 0) == 0);
    CHECK(gravest(0, 1) == 1);
    CHECK(gravest(75, 1) == 75);
    CHECK(gravest(75, 78) == 78);
    CHECK(gravest(78, 1) == 78);
}
