#include "store/journal.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "store/quota.hpp"
#include "store/removed.hpp"
#include "store/leftovers.hpp"
#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::ForgetfulDisk;

namespace {

const Layout layout("/root");

class TestClock final : public Clock {
  public:
    Instant now() const override { return Instant() + passed; }
    WallTime wall() const override { return WallTime(std::chrono::seconds(1'795'411'214)) + passed; }
    std::chrono::seconds passed{0};
};

std::vector<std::string> lines(disk::Disk& disk, const std::string& since, std::size_t& skipped) {
    std::vector<std::string> found;
    skipped = *read_journal(disk, layout, since, [&](std::string_view line) {
        found.emplace_back(line);
        return true;
    });
    return found;
}

}  // namespace

TEST_CASE("A journal keeps a file per day and is read back in order, of all nodes") {
    ForgetfulDisk disk;
    TestClock clock;
    Journal first(disk, layout, "a", clock), second(disk, layout, "b", clock);
    std::size_t skipped = 0;
    CHECK(lines(disk, "", skipped).empty());
    REQUIRE(first.append("{1}\n{2}\n"));
    REQUIRE(second.append("{3}\n"));
    clock.passed = std::chrono::hours(24);
    REQUIRE(first.append("{4}\n"));
    CHECK(lines(disk, "", skipped) == std::vector<std::string>{"{1}", "{2}", "{3}", "{4}"});
    CHECK(lines(disk, "2026-11-24", skipped) == std::vector<std::string>{"{4}"});
    CHECK(skipped == 0);
}

TEST_CASE("A torn line is closed, skipped and counted, and what follows it is read") {
    ForgetfulDisk disk;
    TestClock clock;
    const std::string path = layout.journal_file("a", clock.wall());
    REQUIRE(disk::make_directories(disk, layout.journal_dir("a")));
    REQUIRE(disk::replace_file(disk, path, "{1}\n{\"torn\":"));
    Journal journal(disk, layout, "a", clock);
    REQUIRE(journal.append("{2}\n"));
    disk.fail_at(disk.steps() + 1, ENOSPC);  // half of the line gets there
    CHECK_FALSE(journal.append("{\"half\"}\n"));
    REQUIRE(journal.append("{\"\xFF\"}\n{3}\n"));
    std::size_t skipped = 0;
    CHECK(lines(disk, "", skipped) == std::vector<std::string>{"{1}", "{2}", "{3}"});
    CHECK(skipped == 3);
}

TEST_CASE("Mail that is removed lies aside, durably, each under its own name") {
    ForgetfulDisk disk;
    TestClock clock;
    route::Domain domain;
    domain.name = "example.com";
    route::Mailbox anne;
    anne.key = "anne";
    const auto name = domain.name_of(anne);
    CHECK_FALSE(set_aside(disk, layout, name, clock.wall()).value());
    std::vector<std::string> paths;
    for (const char* content : {"first", "second"}) {
        REQUIRE(make_maildir(disk, layout.maildir(name)));
        REQUIRE(disk::replace_file(disk, layout.maildir(name) + "/new/1", content));
        paths.push_back(set_aside(disk, layout, name, clock.wall()).value().value());
    }
    CHECK(paths[0] == "/root/state/removed/example.com/anne.20261123T052014Z");
    CHECK(paths[1] == paths[0] + "-2");
    disk.crash();
    CHECK(disk.files() == std::map<std::string, std::string>{{paths[0] + "/new/1", "first"},
                                                             {paths[1] + "/new/1", "second"}});
    REQUIRE(make_maildir(disk, layout.maildir(name)));
    CHECK(set_aside_domain(disk, layout, "example.com", clock.wall()).value().value() ==
          "/root/state/removed/example.com/@domain.20261123T052014Z");
    CHECK_FALSE(disk::exists(disk, layout.domain_dir("example.com")));
}

TEST_CASE("What a crash left in tmp and spill goes, and what is young or staged stays") {
    ForgetfulDisk disk;
    TestClock clock;
    const std::string maildir = "/root/mail/example.com/anne";
    REQUIRE(make_maildir(disk, maildir));
    REQUIRE(make_maildir(disk, maildir + "/.Folder"));
    REQUIRE(disk::make_directories(disk, layout.stage_dir("example.com")));
    REQUIRE(disk::make_directories(disk, layout.spill_dir()));
    disk.set_time(clock.wall() - std::chrono::hours(37));
    for (const std::string& path :
         {maildir + "/tmp/old", maildir + "/.Folder/tmp/old", maildir + "/new/old",
          layout.stage_dir("example.com") + "/old"}) {
        REQUIRE(disk.create(path, 0600));
    }
    disk.set_time(clock.wall() - std::chrono::hours(35));
    REQUIRE(disk.create(maildir + "/tmp/young", 0600));
    REQUIRE(disk.create(layout.spill_dir() + "/scratch", 0600));
    CHECK(remove_leftovers(disk, layout, clock.wall(), Log()) == 3);
    CHECK(disk.files().size() == 3);
}

TEST_CASE("A quota is answered from memory, and looked at again only where something changed") {
    ForgetfulDisk disk;
    TestClock clock;
    const std::string maildir = "/root/mail/example.com/anne";
    disk.set_time(clock.wall() - std::chrono::hours(1));
    REQUIRE(make_maildir(disk, maildir));
    REQUIRE(disk.create(maildir + "/new/1.a,S=600", 0600));
    Quotas quotas(disk, clock, std::chrono::seconds(30));
    CHECK(quotas.fits_now(maildir, 0, 1) == true);
    CHECK_FALSE(quotas.fits_now(maildir, 1000, 1).has_value());
    CHECK(quotas.due(maildir));
    CHECK_FALSE(quotas.due(maildir));  // somebody is on it
    REQUIRE(quotas.refresh(maildir)->octets == 600);
    CHECK(quotas.fits_now(maildir, 1000, 400) == true);
    CHECK(quotas.fits_now(maildir, 1000, 401) == false);
    CHECK(quotas.fits_now(maildir, 500, 0) == false);
    CHECK(quotas.fits_now(maildir, 1000, UINT64_MAX) == false);
    quotas.delivered(maildir, 300);
    CHECK(quotas.fits_now(maildir, 1000, 101) == false);
    quotas.removed(maildir, 300);
    CHECK(quotas.fits_now(maildir, 1000, 400) == true);

    // Nothing changed as far as the directory's time tells: the listing is not read again.
    REQUIRE(disk.create(maildir + "/new/2.b,S=100", 0600));
    CHECK(quotas.refresh(maildir)->octets == 600);
    disk.set_time(clock.wall());
    REQUIRE(disk.create(maildir + "/new/3.c,S=100", 0600));
    CHECK(quotas.refresh(maildir)->octets == 800);
    // A change in the same tick as the last look is not missed.
    REQUIRE(disk.create(maildir + "/new/4.d,S=100", 0600));
    CHECK(quotas.refresh(maildir)->octets == 900);
    CHECK_FALSE(quotas.due(maildir));
    clock.passed = std::chrono::seconds(31);
    CHECK(quotas.due(maildir));
}
