// What a changed, broken or vanished file means to a running server.
#include "agent/configuration.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "looking_disk.hpp"
#include "mailroom.hpp"
#include "support/forgetful_disk.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace std::chrono_literals;
using agent::Configuration;
using agent::Snapshot;

namespace {

const std::string server_text =
    "hostname = \"mail.example.com\"\npostmaster = \"root@far.example\"\n";
const std::string catch_all = "[default]\naction = \"deliver\"\n";
const std::string with_anne = "[mailbox.anne]\n";
const std::string broken = "[default\n";

struct Site {
    test::ForgetfulDisk store;
    test::LookingDisk disk{store};
    test::StillClock clock;
    std::string talk;
    Configuration configuration{disk, "/r", clock,
                                Log([this](Severity, std::string_view text) {
                                    talk.append(text).append("\n");
                                })};
    std::optional<Snapshot> now;

    using Files = std::map<std::string, std::string>;  // by domain
    explicit Site(const Files& domains = {{"example.com", catch_all}}) {
        REQUIRE(disk::make_directories(store, "/r/domains"));
        put("mailhandler.toml", server_text);
        for (const auto& [name, text] : domains) put(file(name), text);
    }
    static std::string file(const std::string& domain) { return "domains/" + domain + ".toml"; }
    // By a rename, as editors and our own commands do.
    void put(const std::string& name, const std::string& text) {
        REQUIRE(disk::replace_file(store, "/r/" + name, text, 0640));
    }
    // In place: the same inode.
    void overwrite(const std::string& name, const std::string& text) {
        auto open = store.append("/r/" + name, 0640);
        REQUIRE((*open)->truncate(0));
        REQUIRE((*open)->write(text));
    }
    void remove(const std::string& name) { REQUIRE(store.remove("/r/" + name)); }

    void start() {
        auto started = configuration.start();
        REQUIRE(started);
        now = *started;
    }
    bool refresh(const std::vector<std::string>& names = {}) {
        auto snapshot = configuration.refresh(names);
        if (snapshot) now = std::move(*snapshot);
        return snapshot.has_value();
    }
    // "250", "550" …: what SMTP would say about zzz@DOMAIN.
    int asked(const std::string& domain, const std::string& local = "zzz") const {
        const auto address = *mail::Address::parse(local + "@" + domain);
        const auto found = route::route(now->directory, address, local_date(clock.wall()));
        if (const auto* refused = std::get_if<route::Refuse>(&found.outcome)) return refused->code;
        if (const auto* deferred = std::get_if<route::Defer>(&found.outcome)) return deferred->code;
        return 250;
    }
};

}  // namespace

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

TEST_CASE("One edit among ten thousand domains reads one file") {
    std::map<std::string, std::string> domains;
    for (int i = 0; i < 10'000; ++i) domains["d" + std::to_string(i) + ".example"] = catch_all;
    Site site(domains);
    site.start();
    site.put("domains/d5000.example.toml", with_anne);
    site.disk.looks = site.disk.opened = 0;
    const auto begin = std::chrono::steady_clock::now();
    CHECK(site.refresh({"domains/d5000.example.toml"}));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    CHECK(site.disk.opened <= 2);
    CHECK(site.disk.looks <= 5);
    CHECK(site.asked("d5000.example") == 550);
    CHECK(took < 250ms);
    site.disk.opened = 0;
    CHECK_FALSE(site.refresh());
    CHECK(site.disk.opened == 0);
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

// build/tests/test_agent "[bench]"
TEST_CASE("What a change among ten thousand domains costs on a real disk", "[.bench]") {
    const auto disk = disk::system_disk();
    const test::TemporaryDirectory root;
    const auto write = [&](const std::string& name, const std::string& text) {
        auto file = disk->create(root / name, 0640);
        if (!file || !(*file)->write(text)) std::abort();
    };
    REQUIRE(disk->make_directory(root / "domains"));
    write("mailhandler.toml", server_text);
    for (int i = 0; i < 10'000; ++i)
        write("domains/d" + std::to_string(i) + ".example.toml", catch_all + with_anne);
    const SystemClock clock;
    Configuration configuration(*disk, root.path(), clock, Log());
    const auto timed = [](const char* what, auto&& action) {
        const auto begin = std::chrono::steady_clock::now();
        action();
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - begin;
        WARN(what << ": " << took.count() << " ms");
    };
    timed("start", [&] { REQUIRE(configuration.start()); });
    timed("one file", [&] { CHECK(configuration.refresh({"domains/d5000.example.toml"})); });
    timed("a look at all", [&] { CHECK_FALSE(configuration.refresh({})); });
    for (int i = 0; i < 10'000; ++i) {
        const std::string path = root / ("domains/d" + std::to_string(i) + ".example.toml");
        REQUIRE((*disk->append(path))->write("[mailbox.bob]\n"));
    }
    timed("all changed", [&] { CHECK(configuration.refresh({})); });
}
