// UIDLs that are listed twice, used again or listed still: the content tells what is new.
#include <catch2/catch.hpp>

#include "collecting_office.hpp"

using namespace collecting;

TEST_CASE("A UIDL says too little, the content tells") {
    ForgetfulDisk disk;
    Office run(disk, office + "keep = \"forever\"\n");
    const std::string a = to("anne@example.com", "aaaa"), b = to("anne@example.com", "bbbb");
    const auto arrived = [&] { return files_with(disk, "/anne/new/", ""); };

    SECTION("one message listed twice arrives once") {
        std::vector<Message> server = {{"u", a}, {"u", a}};
        run.fetch(server);
        CHECK(arrived() == 1);
        run.fetch(server);
        CHECK(arrived() == 1);
    }
    SECTION("two messages with one UIDL both arrive, and once") {
        std::vector<Message> server = {{"u", a}, {"u", b}, {"v", a}};
        run.fetch(server);
        CHECK(arrived() == 3);
        run.fetch(server);
        server.erase(server.begin());  // the user deletes one
        run.fetch(server);
        run.fetch(server);
        CHECK(run.fetched == 0);
        CHECK(arrived() == 3);
    }
    SECTION("a UIDL that had one message gets a second") {
        std::vector<Message> server = {{"u", a}};
        run.fetch(server);
        server.push_back({"u", b});
        run.fetch(server);
        run.fetch(server);
        CHECK(arrived() == 2);
    }
    SECTION("a UIDL with another size is another message") {
        std::vector<Message> server = {{"u", a}};
        run.fetch(server);
        server = {{"u", to("anne@example.com", "cc")}};
        run.fetch(server);
        CHECK(arrived() == 2);
    }
    SECTION("another announced size alone is not") {
        std::vector<Message> server = {{"u", a, 7}};
        run.fetch(server);
        server = {{"u", a, 8}};
        run.fetch(server);
        CHECK(run.fetched == 1);
        run.fetch(server);
        CHECK(run.fetched == 0);
        CHECK(arrived() == 1);
    }
}

TEST_CASE("After QUIT only the content tells whether a UIDL is listed still or again") {
    ForgetfulDisk disk;
    Office run(disk);
    const std::string a = to("anne@example.com", "aaaa"), b = to("anne@example.com", "bbbb");
    std::vector<Message> server = {{"u", a}};
    run.fetch(server);
    REQUIRE(server.empty());
    SECTION("the same: the server did not delete it") {
        server = {{"u", a}};
        const auto harvest = run.fetch(server);
        CHECK(harvest->again == 1);
        CHECK(files_with(disk, "/anne/new/", "") == 1);
    }
    SECTION("another of the same size: it used the UIDL again") {
        server = {{"u", b}};
        run.fetch(server);
        CHECK(files_with(disk, "/anne/new/", "") == 2);
    }
    CHECK(server.empty());
}
