#include "pop3/command.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::pop3;

TEST_CASE("a command is a keyword in any case and what follows one space") {
    struct Row {
        const char* line;
        Verb verb;
        const char* argument;
    };
    const Row rows[] = {
        {"STAT", Verb::stat, ""},
        {"stat ", Verb::stat, ""},
        {"sTaT", Verb::stat, ""},
        {"RETR 1", Verb::retr, "1"},
        {"RETR  1", Verb::retr, " 1"},
        {"RETR 1  ", Verb::retr, "1"},
        {"TOP 1 10", Verb::top, "1 10"},
        {"USER anne smith", Verb::user, "anne smith"},
        {"PASS  two spaces ", Verb::pass, " two spaces "},
        {"PASS", Verb::pass, ""},
        {"AUTH PLAIN AGEAYg==", Verb::auth, "PLAIN AGEAYg=="},
        {"", Verb::unknown, ""},
        {" STAT", Verb::unknown, "STAT"},
        {"STATS", Verb::unknown, ""},
        {"STA", Verb::unknown, ""},
        {"LAST", Verb::unknown, ""},
        {"APOP a b", Verb::unknown, "a b"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.line);
        const Command command = parse_command(row.line);
        CHECK(command.verb == row.verb);
        CHECK(command.argument == row.argument);
    }
}

TEST_CASE("a message number is digits below 2^32 and nothing else") {
    CHECK(parse_number("1") == 1u);
    CHECK(parse_number("0") == 0u);
    CHECK(parse_number("00012") == 12u);
    CHECK(parse_number("4294967295") == 4294967295u);
    for (const char* bad : {"", "4294967296", "-1", "+1", " 1", "1 ", "1a", "0x1", "1.0"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_number(bad));
    }
}

TEST_CASE("TOP takes two numbers") {
    const auto both = parse_top("3 0");
    REQUIRE(both);
    CHECK(both->number == 3);
    CHECK(both->lines == 0);
    for (const char* bad : {"", "1", "1 ", "1 x", "x 1", "1  2", "1 2 3", "1 -1"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_top(bad));
    }
}
