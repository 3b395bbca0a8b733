// What a changed or broken file means to a running server, and what finds the changes.
#include <catch2/catch.hpp>

#include "changing_site.hpp"

using namespace changing;

TEST_CASE("A domain file that cannot be loaded keeps its last version in force") {
    Site site;
    site.start();
    for (const std::string& wrong : {broken, std::string("[defaults]\n"), std::string("\0", 1),
                                     std::string("[alias]\nx = [\"nobody\"]\n")}) {
        site.put("domains/example.com.toml", wrong);
        site.talk.clear();
        CHECK_FALSE(site.refresh({"domains/example.com.toml"}));
        CHECK(site.asked("example.com") == 250);
        CHECK(site.talk.find("domains/example.com.toml:") != std::string::npos);
        CHECK(site.talk.find("its last version stays in force") != std::string::npos);
    }
    site.put("domains/example.com.toml", with_anne);
    CHECK(site.refresh({"domains/example.com.toml"}));
    CHECK(site.asked("example.com") == 550);
    CHECK(site.asked("example.com", "anne") == 250);
}

TEST_CASE("A domain that cannot be loaded at start is deferred alone, until it can be") {
    Site site({{"example.com", broken}, {"other.org", catch_all}});
    site.start();
    CHECK(site.asked("example.com") == 451);
    CHECK(site.asked("other.org") == 250);
    site.put("domains/example.com.toml", "[defaul]\n");
    site.refresh();
    CHECK(site.asked("example.com") == 451);
    site.put("domains/example.com.toml", catch_all);
    CHECK(site.refresh());
    CHECK(site.asked("example.com") == 250);
    site.put("domains/example.com.toml", broken);
    CHECK_FALSE(site.refresh());
    CHECK(site.asked("example.com") == 250);
}

TEST_CASE("A new domain whose first file cannot be loaded is deferred, not refused") {
    Site site;
    site.start();
    CHECK(site.asked("new.example") == 550);
    site.put("domains/new.example.toml", broken);
    CHECK(site.refresh({"domains/new.example.toml"}));
    CHECK(site.asked("new.example") == 451);
}

TEST_CASE("Hostname and postmaster change with mailhandler.toml, a broken one changes nothing") {
    Site site({{"example.com", with_anne}});
    site.start();
    CHECK(site.now->directory.hostname() == "mail.example.com");
    const Snapshot before = *site.now;
    site.put("mailhandler.toml",
             "hostname = \"mx.example.com\"\npostmaster = \"anne@example.com\"\n");
    CHECK(site.refresh({"mailhandler.toml"}));
    CHECK(site.now->server->hostname == "mx.example.com");
    CHECK(site.now->directory.hostname() == "mx.example.com");
    CHECK(site.now->directory.postmaster()->key() == "anne@example.com");
    CHECK(site.asked("example.com", "anne") == 250);
    CHECK(before.server->hostname == "mail.example.com");  // what was handed out never changes

    site.put("mailhandler.toml", broken);
    CHECK_FALSE(site.refresh({"mailhandler.toml"}));
    site.remove("mailhandler.toml");
    CHECK_FALSE(site.refresh());
    site.clock.pass(10s);
    CHECK_FALSE(site.refresh());
    CHECK(site.now->server->hostname == "mx.example.com");
    site.put("mailhandler.toml", server_text);
    CHECK(site.refresh());
    CHECK(site.now->server->hostname == "mail.example.com");
}

TEST_CASE("A root whose mailhandler.toml cannot be loaded does not start") {
    Site site;
    site.put("mailhandler.toml", broken);
    const auto started = site.configuration.start();
    REQUIRE_FALSE(started);
    CHECK_FALSE(started.error().temporary);
    CHECK(site.talk.find("mailhandler.toml:") != std::string::npos);
}

TEST_CASE("A look at everything finds what is new, edited, replaced or gone, and nothing else") {
    Site site({{"example.com", catch_all}, {"other.org", catch_all}, {"third.org", catch_all}});
    site.start();
    CHECK_FALSE(site.refresh());

    site.put("domains/new.example.toml", catch_all);
    CHECK(site.refresh());
    CHECK(site.asked("new.example") == 250);
    CHECK_FALSE(site.refresh());

    // The same size and time: only the inode tells.
    std::string same = "[mailbox.anne]\n#";
    same.resize(catch_all.size(), '#');
    site.put("domains/example.com.toml", same);
    CHECK(site.refresh());
    CHECK(site.asked("example.com") == 550);

    // The same inode and size: only the time tells.
    site.store.set_time(WallTime(std::chrono::seconds(1'800'000'000)));
    site.overwrite("domains/other.org.toml", same);
    CHECK(site.refresh());
    CHECK(site.asked("other.org") == 550);

    site.remove("domains/third.org.toml");
    CHECK_FALSE(site.refresh());
    CHECK(site.configuration.next_look());
    CHECK(site.asked("third.org") == 250);
}

TEST_CASE("Files that are no domain's are passed over") {
    Site site;
    site.start();
    for (const char* name : {"domains/.example.org.toml", "domains/example.org.toml~",
                             "domains/EXAMPLE.org.toml", "domains/.toml", "domains/a b.toml",
                             "domains/b\xc3\xbc" "cher.example.toml", "other.toml"}) {
        INFO(name);
        site.put(name, catch_all);
        CHECK_FALSE(site.refresh({name}));
        CHECK_FALSE(site.refresh());
    }
    CHECK(site.now->directory.domains().size() == 1);
}

TEST_CASE("Many files that change together come into force together") {
    Site site({{"a.example", catch_all}, {"b.example", catch_all}, {"c.example", catch_all}});
    site.start();
    const Snapshot before = *site.now;
    site.put("mailhandler.toml", "hostname = \"mx.example.com\"\n");
    site.put("domains/a.example.toml", with_anne);
    site.put("domains/b.example.toml", broken);
    site.put("domains/new.example.toml", catch_all);
    site.put("domains/wrong.example.toml", broken);
    site.remove("domains/c.example.toml");
    CHECK(site.refresh());
    CHECK(site.now->directory.hostname() == "mx.example.com");
    CHECK_FALSE(site.now->directory.postmaster());
    CHECK(site.asked("a.example") == 550);
    CHECK(site.asked("b.example") == 250);
    CHECK(site.asked("c.example") == 250);
    CHECK(site.asked("new.example") == 250);
    CHECK(site.asked("wrong.example") == 451);
    CHECK(before.directory.domains().size() == 3);
    site.clock.pass(5s);
    CHECK(site.refresh());
    CHECK(site.now->directory.domains().size() == 4);
}
