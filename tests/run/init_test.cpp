// What init writes can be served by whoever ran it.
#include <catch2/catch.hpp>
#include <sstream>

#include "run/init.hpp"

using namespace mailhandler;

TEST_CASE("Whoever is not root is offered high ports of loopback only, also in comments") {
    const run::InitOptions options{"/srv/mail", "mail.example.com", false};
    std::istringstream lines(run::server_text(options));
    int listeners = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto at = line.find("[\"");
        if (at == line.npos) continue;
        INFO(line);
        ++listeners;
        const std::string place = line.substr(at + 2, line.find('"', at + 2) - at - 2);
        CHECK(place.starts_with("127.0.0.1:"));
        CHECK(std::stoi(place.substr(place.find(':') + 1)) >= 1024);
    }
    CHECK(listeners == 7);
}
