// What one collection does with what it finds: small and large messages, those that cannot be kept,
// and a server whose headers were misunderstood.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "collecting_office.hpp"

using namespace collecting;

TEST_CASE("Messages of a few octets are held octet for octet, however many come at once") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail"));
    Office there(disk);
    std::vector<Message> server = {{"0", to("anne@example.com", "first")}};
    for (int i = 1; i <= 300; ++i)
        server.push_back({std::to_string(i), fmt::format("a: {}\r\n\r\n", i)});
    REQUIRE(there.fetch(server)->held["missing-header"] == 300);
    for (int i = 1; i <= 300; ++i)
        CHECK(files_with(disk, "/root/held/", fmt::format("\na: {}\r\n\r\n", i)) == 1);
}

TEST_CASE("What is kept for seven days goes after seven days") {
    ForgetfulDisk disk;
    Office run(disk, office + "keep = \"7d\"\n");
    std::vector<Message> server = usual;
    run.fetch(server);
    run.clock.at += std::chrono::hours(24 * 7 - 1);
    server.push_back({"6", to("anne@example.com", "sixth")});
    run.fetch(server);
    CHECK(server.size() == 6);
    CHECK(run.fetched == 1);
    run.clock.at += std::chrono::hours(2);
    const auto harvest = run.fetch(server);
    CHECK(harvest->deleted == 5);
    CHECK(server.size() == 1);
    CHECK(run.fetched == 0);
}

TEST_CASE("A first run that places none of its first messages stops, and nothing has happened") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server;
    for (int i = 0; i < 30; ++i)
        server.push_back({std::to_string(i), to("somebody@provider.example", "x")});
    const auto harvest = run.fetch(server);
    CHECK(harvest->braked);
    CHECK(server.size() == 30);
    CHECK(files_with(disk, "/root/held/", "") + files_with(disk, "/new/", "") == 0);
    CHECK(run.events.empty());
    REQUIRE_FALSE(harvest->headers.empty());
    CHECK(harvest->headers[0].find("somebody@provider.example") != std::string::npos);

    // One recipient among the first twenty is enough.
    server[19].content = to("anne@example.com", "x");
    const auto again = run.fetch(server);
    CHECK_FALSE(again->braked);
    CHECK(again->deleted == 30);
    CHECK(again->held.at("foreign-domain") == 29);
    // Later runs hold whatever comes.
    for (int i = 0; i < 30; ++i)
        server.push_back({"n" + std::to_string(i), to("x@y.example", "x")});
    CHECK(run.fetch(server)->held.at("foreign-domain") == 30);
}

TEST_CASE("A message that cannot be written is held, and the others arrive") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail/example.com"));
    REQUIRE(disk::replace_file(disk, "/root/mail/example.com/anne", "not a directory"));
    Office run(disk);
    std::vector<Message> server = {{"1", to("anne@example.com", "a")},
                                   {"2", to("bob@example.com", "b")}};
    const auto harvest = run.fetch(server);
    CHECK_FALSE(harvest->fault);
    CHECK(harvest->held.at("poison") == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 1);
    CHECK(server.empty());
}

TEST_CASE("A large message is spilled, and arrives octet for octet") {
    ForgetfulDisk disk;
    Office run(disk);
    run.errand.held_size = 10 << 20;
    std::string body;
    while (body.size() < 3'000'000) body += fmt::format("line {}\r\n", body.size());
    std::vector<Message> server = {{"1", to("anne@example.com, nobody@example.com", "it") + body}};
    run.fetch(server);
    CHECK(files_with(disk, "/anne/new/", "\r\n\r\nit\r\n" + body) == 1);
    CHECK(files_with(disk, "/root/held/", "\r\n\r\nit\r\n" + body) == 1);
    CHECK(server.empty());
}

TEST_CASE("A rehearsal changes nothing and tells each recipient's fate") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server = usual;
    std::size_t told = 0;
    run.errand.rehearsal = true;
    run.errand.rehearsed = [&](const agent::Rehearsed& message) {
        told += message.judged.fates.size();
    };
    const auto harvest = run.fetch(server);
    CHECK(told == 7);
    CHECK(harvest->placed.at("anne@example.com") == 2);
    CHECK(disk.steps() == 0);
    CHECK(server.size() == usual.size());
}
