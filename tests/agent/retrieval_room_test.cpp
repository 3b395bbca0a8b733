// What there is no room for stays on its server, and is fetched again once there is some.
#include <catch2/catch.hpp>

#include "collecting_office.hpp"

using namespace collecting;

TEST_CASE("What does not fit stays on the server") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server = {{"1", to("bob@example.com", std::string(5000, 'b'))},
                                   {"2", to("anne@example.com", "a")}};
    const auto harvest = run.fetch(server);
    CHECK(harvest->waiting.size() == 1);
    CHECK(server.size() == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 0);
    run.errand.held_size = 10;
    server.push_back({"3", to("nobody@example.com", "n")});
    CHECK(run.fetch(server)->waiting.size() == 2);
    CHECK(server.size() == 2);
}

TEST_CASE("What waits for room is not fetched again before there is some") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server = {{"1", to("bob@example.com", std::string(5000, 'b'))},
                                   {"2", to("anne@example.com", "a")},
                                   {"3", to("nobody@example.com", "n")}};
    run.errand.held_size = 10;
    const auto first = run.fetch(server);
    CHECK(run.fetched == 3);
    for (int again = 0; again < 2; ++again) {
        const auto harvest = run.fetch(server);
        CHECK(run.fetched == 0);
        CHECK(harvest->waiting == first->waiting);
        CHECK(harvest->unfinished());
    }
    // Whom it is for may have been changed: after an hour its content is asked again.
    run.clock.at += std::chrono::minutes(61);
    run.fetch(server);
    CHECK(run.fetched == 2);
    run.fetch(server);
    CHECK(run.fetched == 0);
    // Another message under that UIDL is another matter.
    const Message waiting = std::exchange(server[0], {"1", to("bob@example.com", "small")});
    run.fetch(server);
    CHECK(run.fetched == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 1);
    server.push_back({"4", waiting.content});
    run.fetch(server);
    CHECK(run.fetched == 1);
    // There is room: a larger quota, a larger held area.
    run.serve("[mailbox.anne]\n[mailbox.bob]\nquota = \"64 KiB\"\n");
    run.fetch(server);
    CHECK(run.fetched == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 2);
    run.errand.held_size = 1 << 20;
    run.fetch(server);
    CHECK(run.fetched == 1);
    CHECK(server.empty());
}

TEST_CASE("The held area is looked at again while a run goes on") {
    ForgetfulDisk disk;
    Office run(disk);
    run.errand.held_size = 10;
    std::vector<Message> server = {{"1", to("nobody@example.com", "n")}};
    CHECK(run.fetch(server)->waiting.size() == 1);
    run.errand.held_size = 1 << 20;
    CHECK(run.fetch(server)->newly_held() == 1);
    CHECK(server.empty());
}
