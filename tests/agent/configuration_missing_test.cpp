// A file that vanishes, comes back, is marked as removed or cannot be looked at.
#include <catch2/catch.hpp>

#include "changing_site.hpp"

using namespace changing;

TEST_CASE("A file that vanishes counts as removed after five seconds") {
    Site site;
    site.start();
    CHECK_FALSE(site.configuration.next_look());
    site.remove("domains/example.com.toml");
    CHECK_FALSE(site.refresh({"domains/example.com.toml"}));
    REQUIRE(site.configuration.next_look());
    CHECK(*site.configuration.next_look() == site.clock.now() + 5s);
    site.clock.pass(4900ms);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com") == 250);
    site.clock.pass(100ms);
    CHECK(site.refresh());
    CHECK(site.asked("example.com") == 550);
    CHECK_FALSE(site.configuration.next_look());
}

TEST_CASE("A clock set back or forth does not shorten a vanished file's five seconds") {
    Site site;
    site.start();
    site.remove("domains/example.com.toml");
    site.refresh();
    for (const auto skew : {24h, -48h}) {
        site.clock.set_wall(site.clock.wall() + skew);
        site.clock.pass(1s);
        CHECK_FALSE(site.refresh());
    }
    site.clock.pass(3s);
    CHECK(site.refresh());
}

TEST_CASE("A file that is back within five seconds was only replaced") {
    Site site;
    site.start();
    site.remove("domains/example.com.toml");
    site.refresh({"domains/example.com.toml"});
    site.clock.pass(3s);
    site.put("domains/example.com.toml", with_anne);
    CHECK(site.refresh({"domains/example.com.toml"}));
    CHECK_FALSE(site.configuration.next_look());
    site.clock.pass(10s);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com", "anne") == 250);
}

TEST_CASE("A file that is back is not forgotten because nobody told of it") {
    Site site({{"example.com", catch_all}, {"other.org", catch_all}});
    site.start();
    site.remove("domains/example.com.toml");
    site.refresh({"domains/example.com.toml"});
    site.put("domains/example.com.toml", with_anne);
    site.clock.pass(6s);
    site.put("domains/other.org.toml", with_anne);
    CHECK(site.refresh({"domains/other.org.toml"}));
    CHECK(site.asked("example.com", "anne") == 250);
}

TEST_CASE("A broken file that vanishes and a vanished one that comes back broken are told apart") {
    Site site;
    site.start();
    site.remove("domains/example.com.toml");
    site.refresh();
    site.put("domains/example.com.toml", broken);
    CHECK_FALSE(site.refresh());
    site.clock.pass(10s);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com") == 250);
    site.remove("domains/example.com.toml");
    site.refresh();
    site.clock.pass(5s);
    CHECK(site.refresh());
    CHECK(site.asked("example.com") == 550);
}

TEST_CASE("A domain that was removed on purpose is gone at once") {
    Site site;
    site.start();
    REQUIRE(disk::replace_file(site.store, agent::removal_mark("/r", "example.com"), ""));
    site.remove("domains/example.com.toml");
    CHECK(site.refresh({"domains/.example.com.toml.removed", "domains/example.com.toml"}));
    CHECK(site.asked("example.com") == 550);
    CHECK_FALSE(site.configuration.next_look());
}

TEST_CASE("A mark that comes after its file has vanished counts too") {
    Site site;
    site.start();
    site.remove("domains/example.com.toml");
    CHECK_FALSE(site.refresh({"domains/example.com.toml"}));
    REQUIRE(disk::replace_file(site.store, agent::removal_mark("/r", "example.com"), ""));
    CHECK(site.refresh({"domains/.example.com.toml.removed"}));
    CHECK(site.asked("example.com") == 550);
}

TEST_CASE("What cannot be looked at has not vanished") {
    Site site;
    site.start();
    site.disk.unreadable = "/r/domains/example.com.toml";
    CHECK_FALSE(site.refresh({"domains/example.com.toml"}));
    CHECK_FALSE(site.refresh());
    site.clock.pass(10s);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com") == 250);
    site.disk.unreadable = "/r/domains";
    CHECK_FALSE(site.refresh());
    site.clock.pass(10s);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com") == 250);
}

TEST_CASE("A file that could not be read is read again once it can be") {
    Site site;
    site.start();
    site.disk.unreadable = "/r/domains/example.com.toml";
    site.put("domains/example.com.toml", with_anne);
    CHECK_FALSE(site.refresh({"domains/example.com.toml"}));
    site.disk.unreadable.clear();
    CHECK(site.refresh());
    CHECK(site.asked("example.com", "anne") == 250);
    CHECK(site.asked("example.com") == 550);
}

TEST_CASE("A domain for which there was no descriptor is read again without having changed") {
    Site site;
    site.disk.unopenable = "/r/domains/example.com.toml";
    site.start();
    CHECK(site.asked("example.com") == 451);
    site.disk.unopenable.clear();
    CHECK(site.refresh());
    CHECK(site.asked("example.com") == 250);

    site.disk.unopenable = "/r/domains/example.com.toml";
    site.put("domains/example.com.toml", with_anne);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com") == 250);
    site.disk.unopenable.clear();
    CHECK(site.refresh());
    CHECK(site.asked("example.com") == 550);
    CHECK_FALSE(site.refresh());
}
