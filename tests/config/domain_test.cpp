#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace mailhandler;
using namespace mailhandler::config;

namespace {

const std::string hash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";

std::vector<std::string> problems(std::string_view text) {
    const auto loaded = parse_domain(text, "domains/example.com.toml", "example.com");
    std::vector<std::string> shown;
    for (const Problem& problem : loaded.problems) shown.push_back(problem.show());
    CHECK(loaded.ok() == shown.empty());
    return shown;
}

struct Row {
    const char* text;
    std::vector<std::string> expected;  // after "domains/example.com.toml:"
};

void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        std::vector<std::string> expected;
        for (const std::string& text : row.expected)
            expected.push_back("domains/example.com.toml:" + text);
        INFO(row.text);
        CHECK(problems(row.text) == expected);
    }
}

}  // namespace

TEST_CASE("A whole domain file becomes values with their lines") {
    const std::string text = "[default]\n"
                             "action = \"deliver\"\n"
                             "password = \"" + hash + "\"\n"
                             "quota = \"10 GiB\"\n"
                             "copies = \"one\"\n"
                             "subdomains = true\n"
                             "elsewhere = [\"Carol\"]\n"
                             "[mailbox.Anne]\n"
                             "password = \"" + hash + "\"\n"
                             "quota = \"2 GB\"\n"
                             "[mailbox.\"bob.smith\"]\n"
                             "deliver = \"lmtp://127.0.0.1:24\"\n"
                             "[alias]\n"
                             "info = [\"anne\", \"bob@elsewhere.example\",\n"
                             "        \"@default\", \"bob.smith@EXAMPLE.com\"]\n"
                             "[bouncer.john]\n"
                             "text = \"John has left\"\n"
                             "until = 2027-05-01\n"
                             "[bouncer.anne]\n";
    auto loaded = parse_domain(text, "domains/example.com.toml", "example.com");
    for (const Problem& problem : loaded.problems) FAIL_CHECK(problem.show());
    REQUIRE(loaded.ok());
    const route::Domain& domain = *loaded.value;
    CHECK(domain.name == "example.com");
    CHECK(domain.fallback.action == route::Default::Action::deliver);
    CHECK(domain.fallback.line == 2);
    CHECK(domain.fallback.password == hash);
    CHECK(domain.fallback.quota == 10ull << 30);
    CHECK(domain.fallback.one_copy);
    CHECK(domain.fallback.subdomains);
    CHECK(domain.fallback.subdomains_line == 6);
    CHECK(domain.fallback.elsewhere.at("carol") == 7);
    REQUIRE(domain.mailbox("anne"));
    CHECK(domain.mailbox("anne")->spelling == "Anne");
    CHECK(domain.mailbox("anne")->line == 8);
    CHECK(domain.mailbox("anne")->quota == 2'000'000'000);
    CHECK(domain.mailbox("bob.smith")->deliver == "lmtp://127.0.0.1:24");
    REQUIRE(domain.alias("info"));
    const auto& targets = domain.alias("info")->targets;
    REQUIRE(targets.size() == 4);
    CHECK(targets[0].kind == route::Target::Kind::local);
    CHECK(targets[0].address.key() == "anne@example.com");
    CHECK(targets[0].line == 14);
    CHECK(targets[1].kind == route::Target::Kind::remote);
    CHECK(targets[2].kind == route::Target::Kind::catch_all);
    CHECK(targets[2].line == 15);
    CHECK(targets[3].kind == route::Target::Kind::local);
    CHECK(domain.bouncer("john")->until == Date(std::chrono::year(2027) / 5 / 1));
    CHECK(domain.bouncer("john")->line == 16);
    CHECK(domain.bouncer("anne"));
}

TEST_CASE("An empty domain file refuses everything, and a BOM and CRLF are no matter") {
    CHECK(parse_domain("", "f", "example.com").value->fallback.action ==
          route::Default::Action::reject);
    const auto loaded =
        parse_domain("\xef\xbb\xbf[mailbox.anne]\r\nquota = \"1 KiB\"\r\n", "f", "example.com");
    REQUIRE(loaded.ok());
    CHECK(loaded.value->mailbox("anne")->quota == 1024);
}

TEST_CASE("Unknown keys of a domain file are errors with a suggestion") {
    check({
        {"[defualt]\n", {"1:2: error: unknown key \"defualt\"; did you mean \"default\"?"}},
        {"[mailboxes.anne]\n",
         {"1:2: error: unknown key \"mailboxes\"; did you mean \"mailbox\"?"}},
        {"[default]\n  actoin = \"reject\"\n",
         {"2:3: error: unknown key \"actoin\" in [default]; did you mean \"action\"?"}},
        {"[mailbox.anne]\nPassword = \"x\"\n",
         {"2:1: error: unknown key \"Password\" in [mailbox.anne]; did you mean \"password\"?"}},
        {"[mailbox.anne]\nshoe_size = 43\n",
         {"2:1: error: unknown key \"shoe_size\" in [mailbox.anne]"}},
        {"[bouncer.\"j.doe\"]\ntetx = \"\"\n",
         {"2:1: error: unknown key \"tetx\" in [bouncer.\"j.doe\"]; did you mean \"text\"?"}},
    });
}

TEST_CASE("A nested table is explained as an address that wants quotes") {
    check({
        {"[mailbox.anne.smith]\npassword = \"x\"\n",
         {"1:15: error: [mailbox.anne.smith] is a nested table; an address with a dot is quoted: "
          "[mailbox.\"anne.smith\"]"}},
        {"[bouncer.anne.smith]\n",
         {"1:15: error: [bouncer.anne.smith] is a nested table; an address with a dot is quoted: "
          "[bouncer.\"anne.smith\"]"}},
        {"[alias]\nanne.smith = [\"x@y.example\"]\n",
         {"2:1: error: anne.smith is a nested table; an address with a dot is quoted: "
          "\"anne.smith\" = […]"}},
    });
}

TEST_CASE("A wrong type or value says what was expected") {
    check({
        {"default = 1\n", {"1:11: error: 'default' must be a table, [default], not an integer"}},
        {"[default]\naction = \"drop\"\n",
         {"2:10: error: 'action' must be one of \"reject\", \"deliver\", \"forward\", not \"drop\""}},
        {"[default]\naction = \"deilver\"\n",
         {"2:10: error: 'action' must be one of \"reject\", \"deliver\", \"forward\", not "
          "\"deilver\"; did you mean \"deliver\"?"}},
        {"[default]\naction = true\n", {"2:10: error: 'action' must be a string, not a boolean"}},
        {"[default]\nsubdomains = \"yes\"\n",
         {"2:14: error: 'subdomains' must be true or false, not a string"}},
        {"[default]\nquota = 1.5\n",
         {"2:9: error: 'quota' must be a size such as \"2 GiB\", not a decimal number"}},
        {"[default]\nquota = -5\n",
         {"2:9: error: 'quota' must be a size such as \"2 GiB\", not a negative number"}},
        {"[default]\nquota = \"many\"\n",
         {"2:9: error: 'quota': \"many\" is not a size such as \"50 MiB\", \"10 GiB\" or \"1000\" "
          "(octets)"}},
        {"[default]\ncopies = \"two\"\n",
         {"2:10: error: 'copies' must be one of \"each\", \"one\", not \"two\""}},
        {"[default]\nelsewhere = \"carol\"\n",
         {"2:13: error: 'elsewhere' must be a list such as [\"carol\"], not a string"}},
        {"[default]\nelsewhere = [\"a\", 5]\n",
         {"2:19: error: every item of 'elsewhere' must be a string, not an integer"}},
        {"[default]\nelsewhere = [\"a@example.com\"]\n",
         {"2:14: error: \"a@example.com\": only the part before the @ is written here"}},
        {"[default]\ntext = \"two\\nlines\"\n",
         {"2:8: error: 'text' must be one line without control characters"}},
        {"[mailbox]\nanne = 1\n",
         {"2:1: error: \"anne\" must be a table, [mailbox.anne], not an integer"}},
        {"[bouncer]\njohn = \"left\"\n",
         {"2:1: error: \"john\" must be a table, [bouncer.john] with text = \"…\", not a string"}},
        {"[alias]\ninfo = \"anne\"\n",
         {"2:8: error: an alias is a list of targets, info = [\"anne\"], not a string"}},
        {"[alias]\ninfo = []\n", {"2:8: error: alias \"info\" needs at least one target"}},
        {"[alias]\ninfo = [\"@elsewhere\"]\n",
         {"2:9: error: \"@elsewhere\" is not an address or \"@default\": the local part is empty"}},
        {"[bouncer.john]\nuntil = \"2027-05-01\"\n",
         {"2:9: error: 'until' is a day without quotes, until = 2027-05-01, not a string"}},
        {"[bouncer.john]\nuntil = 2027-05-01T00:00:00Z\n",
         {"2:9: error: 'until' is a day without quotes, until = 2027-05-01, not a time"}},
        {"[mailbox.anne]\ndeliver = \"http://x\"\n",
         {"2:11: error: 'deliver' is \"maildir\", \"lmtp://host:port\" or \"smtp://host:port\"; "
          "\"http://\" is not known"}},
        {"[mailbox.\"anne@example.com\"]\n",
         {"1:10: error: \"anne@example.com\": only the part before the @ is written here"}},
    });
}

TEST_CASE("A password in clear is refused without being repeated") {
    check({
        {"[mailbox.anne]\npassword = \"secret\"\n",
         {"2:12: error: 'password' is not a crypt(3) hash (\"$y$…\"); a password never lies in a "
          "file in clear: run `mailhandler passwd anne@example.com`"}},
        {"[default]\npassword = \"$ecret\"\n",
         {"2:12: error: 'password' is not a crypt(3) hash (\"$y$…\"); a password never lies in a "
          "file in clear: run `mailhandler passwd example.com`"}},
    });
}

TEST_CASE("Broken TOML is one problem at its place") {
    check({{"[default]\naction =\n",
            {"2:9: error: Error while parsing key-value pair: expected value, saw '\\n'"}}});
    const auto loaded = parse_domain("[a\n", "x", "example.com");
    CHECK_FALSE(loaded.ok());
    REQUIRE(loaded.problems.size() == 1);
}

TEST_CASE("All problems of a file are told, in its order") {
    check({{"[mailbox.zoe]\nqota = 1\n[default]\naction = 1\n[alias]\ninfo = [\"nobody\"]\n",
            {"2:1: error: unknown key \"qota\" in [mailbox.zoe]; did you mean \"quota\"?",
             "4:10: error: 'action' must be a string, not an integer",
             "6:1: error: alias info: nobody is not defined in domains/example.com.toml (an alias "
             "never falls into the default; \"@default\" says that it should)"}}});
}

TEST_CASE("One address is defined once, and both lines are named") {
    const auto twice = [](std::string_view text, const std::string& here, const std::string& other) {
        INFO(text);
        const auto shown = problems(text);
        REQUIRE(shown.size() == 1);
        CHECK(shown[0].find(":" + here + ":") != std::string::npos);
        CHECK(shown[0].find("line " + other) != std::string::npos);
        CHECK(shown[0].find("defined twice") != std::string::npos);
    };
    twice("[mailbox.anne]\n[mailbox.Anne]\n", "2", "1");
    twice("[mailbox.Anne]\n\n[mailbox.anne]\n", "3", "1");
    twice("[alias]\na = [\"x@y.example\"]\nA = [\"x@y.example\"]\n", "3", "2");
    twice("[mailbox.anne]\n[alias]\nANNE = [\"x@y.example\"]\n", "3", "1");
    twice("[bouncer.john]\n[bouncer.JOHN]\n", "2", "1");
    // é as one code point and as e with a combining accent
    twice("[mailbox.\"ren\\u00e9\"]\n[mailbox.\"rene\\u0301\"]\n", "2", "1");
}

TEST_CASE("What review() knows of one file is an error of that file") {
    const auto one = [](std::string_view text, const std::string& line, const std::string& word) {
        INFO(text);
        const auto shown = problems(text);
        REQUIRE(shown.size() == 1);
        CHECK(shown[0].rfind("domains/example.com.toml:" + line + ":", 0) == 0);
        CHECK(shown[0].find(word) != std::string::npos);
    };
    one("[bouncer.Postmaster]\n", "1", "postmaster");
    one("[default]\naction = \"forward\"\n", "2", "forward");
    one("[default]\naction = \"forward\"\nforward = []\n", "2", "forward");
    one("[alias]\na = [\"a\"]\n", "2", "loop");
    one("[alias]\na = [\n  \"x@y.example\",\n  \"nobody\" ]\n", "4", "nobody");
}
