#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "config/edit.hpp"

using namespace mailhandler::config;

TEST_CASE("The example files parse without a problem") {
    const std::string examples = std::string(MAILHANDLER_TESTS_DIR) + "/../share/examples/";
    const auto check = [&](const std::string& name, const std::string& file) {
        std::ifstream in(examples + name, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        INFO(name);
        REQUIRE_FALSE(text.empty());
        for (const Problem& problem : problems_of(text, file)) FAIL_CHECK(problem.show());
    };
    check("mailhandler.toml", "mailhandler.toml");
    check("domain.toml", "domains/example.com.toml");
    check("fetch.toml", "fetch/office.toml");
}
