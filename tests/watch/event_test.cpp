#include "watch/event.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;
using namespace mailhandler::watch;

namespace {

Event sample() {
    Event event;
    event.what = What::login_failed;
    event.when = std::chrono::system_clock::from_time_t(1795411214) + std::chrono::milliseconds(7);
    event.peer = "2001:db8::1";
    event.sender = "a\"b\\@example.org";
    event.recipient = "zzz@example.com";
    event.size = 4096;
    return event;
}

}  // namespace

TEST_CASE("An event survives its line in the journal") {
    const Event event = sample();
    const std::string line = to_line(event);
    CHECK(line.back() == '\n');
    CHECK(line.find('\n') == line.size() - 1);
    const auto back = from_line(line);
    REQUIRE(back);
    CHECK(back->what == What::login_failed);
    CHECK(back->when == event.when);
    CHECK(back->peer == event.peer);
    CHECK(back->sender == event.sender);
    CHECK(back->recipient == event.recipient);
    CHECK(back->size == 4096);
    CHECK(back->helo.empty());
}

TEST_CASE("Octets of a peer that are not UTF-8 or end lines stay inside one valid line") {
    Event event = sample();
    event.helo = "evil\xff\r\n{\"what\":\"accepted\"}";
    const std::string line = to_line(event);
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(from_line(line));
}

TEST_CASE("Torn and foreign lines are no events") {
    const std::string line = to_line(sample());
    for (std::size_t cut = 0; cut + 2 < line.size(); ++cut)
        CHECK_FALSE(from_line(line.substr(0, cut)));
    CHECK_FALSE(from_line(R"({"time":"2026-11-23T05:20:14.007Z","what":"sneezed"})"));
    CHECK_FALSE(from_line(R"({"time":"2026-13-23T05:20:14.007Z","what":"accepted"})"));
    CHECK_FALSE(from_line(R"({"time":"2026-11-23T05:20:14.007Z","what":"accepted","size":"x"})"));
    CHECK_FALSE(from_line("[1]"));
}
