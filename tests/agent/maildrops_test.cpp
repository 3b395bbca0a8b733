#include "agent/maildrops.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "looking_disk.hpp"
#include "store/maildir.hpp"
#include "support/forgetful_disk.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace std::chrono_literals;
using agent::Maildrops;

namespace {

const std::string box = "/mail/anne";

struct SetClock final : Clock {
    Instant now() const override { return Instant(passed); }
    WallTime wall() const override { return start + passed; }

    WallTime start{1795411214s + 123ms};  // no whole second: the file system's clock is a fine one
    std::chrono::milliseconds passed{0};
};

// A maildir on a disk whose clock is ours.
struct Office {
    Office() {
        pass(0ms);
        REQUIRE(store::make_maildir(forgetful, box));
        put("/new/1.a,S=5,W=5");
        put("/cur/2.b,S=5,W=5:2,S");
        pass(1s);
    }
    void pass(std::chrono::milliseconds time) {
        clock.passed += time;
        forgetful.set_time(clock.wall());
    }
    void put(const std::string& path) {
        auto file = forgetful.create(box + path, 0600);
        REQUIRE(file);
        REQUIRE((*file)->write("12345"));
    }
    // The UIDLs of a login now.
    std::string seen(bool dovecot = false) {
        const auto frozen = maildrops.freeze(box, dovecot);
        REQUIRE(frozen);
        std::string text;
        for (std::size_t i = 0; i < (*frozen)->count(); ++i)
            text += std::string((*frozen)->uidl(i)) + ' ';
        return text;
    }

    SetClock clock;
    test::ForgetfulDisk forgetful;
    test::LookingDisk disk{forgetful};
    Maildrops maildrops{disk, clock};
};

// A maildir on the machine's own disk.
struct RealOffice {
    RealOffice() { REQUIRE(store::make_maildir(*disk, maildir)); }
    std::size_t count() { return (*maildrops.freeze(maildir, false))->count(); }

    const test::TemporaryDirectory root;
    const std::unique_ptr<disk::Disk> disk = disk::system_disk();
    SystemClock clock;
    Maildrops maildrops{*disk, clock};
    const std::string maildir = root / "anne";
};

}  // namespace

TEST_CASE("a maildrop that nothing happened to is not read again") {
    Office office;
    CHECK(office.seen() == "1.a 2.b ");
    CHECK(office.disk.listings == 2);
    office.pass(5min);
    CHECK(office.seen() == "1.a 2.b ");
    CHECK(office.disk.listings == 2);
}

TEST_CASE("what other processes deliver, remove, move and flag is seen at the next login") {
    Office office;
    office.seen();
    office.put("/new/3.c,S=5,W=5");
    CHECK(office.seen() == "1.a 2.b 3.c ");
    office.pass(1s);
    office.seen();
    REQUIRE(office.forgetful.remove(box + "/new/1.a,S=5,W=5"));
    CHECK(office.seen() == "2.b 3.c ");
    office.pass(1s);
    office.seen();
    REQUIRE(office.forgetful.rename(box + "/cur/2.b,S=5,W=5:2,S", box + "/cur/2.b,S=5,W=5:2,RS"));
    office.pass(1s);
    const auto flagged = office.maildrops.freeze(box, false);
    CHECK((*flagged)->message(0).file() == "2.b,S=5,W=5:2,RS");
    REQUIRE(office.forgetful.rename(box + "/new/3.c,S=5,W=5", box + "/cur/3.c,S=5,W=5:2,"));
    office.pass(1s);
    CHECK_FALSE((*office.maildrops.freeze(box, false))->message(1).in_new());
}

TEST_CASE("changes within a tick of the file system's clock are seen, although the times stay") {
    Office office;
    office.seen();
    office.put("/new/3.c,S=5,W=5");
    CHECK(office.seen() == "1.a 2.b 3.c ");
    office.put("/new/4.d,S=5,W=5");  // the same modification time
    CHECK(office.seen() == "1.a 2.b 3.c 4.d ");
    office.clock.passed += 19ms;  // our clock goes on, the file system's has not ticked
    CHECK(office.seen() == "1.a 2.b 3.c 4.d ");
    REQUIRE(office.forgetful.remove(box + "/new/4.d,S=5,W=5"));
    CHECK(office.seen() == "1.a 2.b 3.c ");
    office.pass(21ms);
    const std::size_t before = office.disk.listings;
    office.seen();
    CHECK(office.disk.listings == before + 2);  // this one is believed …
    office.seen();
    CHECK(office.disk.listings == before + 2);  // … from now on
}

TEST_CASE("where a file system counts in seconds a listing has to be two seconds younger") {
    Office office;
    office.clock.start += 877ms;
    office.pass(0ms);
    office.put("/new/3.c,S=5,W=5");
    office.pass(1900ms);
    office.seen();
    const std::size_t before = office.disk.listings;
    office.seen();
    CHECK(office.disk.listings == before + 2);
    office.pass(200ms);
    office.seen();
    office.seen();
    CHECK(office.disk.listings == before + 4);
}

TEST_CASE("a maildir with the time of another in its place is another") {
    Office office;
    office.seen();
    // A backup that was put back: other files, the old directory's modification time.
    const auto then = office.forgetful.status(box + "/new")->modified;
    REQUIRE(office.forgetful.rename(box, "/mail/old"));
    office.forgetful.set_time(then);
    REQUIRE(store::make_maildir(office.forgetful, box));
    CHECK(office.seen().empty());
}

TEST_CASE("a directory whose modification time was set back is read again") {
    RealOffice office;
    const auto set_back = [&] {
        const timespec times[] = {{1700000000, 5}, {1700000000, 5}};
        REQUIRE(::utimensat(AT_FDCWD, (office.maildir + "/new").c_str(), times, 0) == 0);
    };
    set_back();
    std::this_thread::sleep_for(50ms);
    CHECK(office.count() == 0);
    CHECK(office.maildrops.memory() > 0);
    REQUIRE(office.disk->create(office.maildir + "/new/1.a,S=0,W=0"));
    set_back();
    CHECK(office.count() == 1);
}

TEST_CASE("a maildir whose new is a link to another directory is read at each login") {
    RealOffice office;
    const std::string fresh = office.maildir + "/new", elsewhere = office.root / "elsewhere";
    REQUIRE(office.disk->rename(fresh, elsewhere));
    REQUIRE(::symlink(elsewhere.c_str(), fresh.c_str()) == 0);
    std::this_thread::sleep_for(50ms);
    CHECK(office.count() == 0);
    REQUIRE(office.disk->create(fresh + "/1.a,S=0,W=0"));
    CHECK(office.count() == 1);
}

TEST_CASE("the list of a Dovecot counts where its UIDLs are kept") {
    Office office;
    const auto list = [&](const std::string& uidl) {
        REQUIRE(disk::replace_file(office.forgetful, box + "/dovecot-uidlist",
                                   "3 V1 N9\n7 P" + uidl + " :1.a\n"));
    };
    list("before");
    office.pass(1s);
    CHECK(office.seen(true) == "before 2.b ");
    CHECK(office.seen() == "1.a 2.b ");
    const std::size_t listings = office.disk.listings;
    CHECK(office.seen(true) == "before 2.b ");
    CHECK(office.disk.listings == listings);
    list("later");
    CHECK(office.seen(true) == "later 2.b ");
}

TEST_CASE("maildrops take no more memory than they may, and none after a while") {
    Office office;
    Maildrops::Limits limits;
    limits.memory = 0;
    {
        Maildrops none(office.disk, office.clock, limits);
        REQUIRE(none.freeze(box, false));
        CHECK(none.memory() == 0);
    }
    for (const std::string name : {"bob", "carol", "dave"}) {
        REQUIRE(store::make_maildir(office.forgetful, "/mail/" + name));
        auto file = office.forgetful.create("/mail/" + name + "/new/1.a,S=5,W=5", 0600);
        REQUIRE(file);
    }
    office.pass(1s);
    limits.memory = (*office.maildrops.freeze("/mail/bob", false))->memory() * 5 / 2;
    Maildrops two(office.disk, office.clock, limits);
    for (const char* name : {"/mail/bob", "/mail/carol", "/mail/bob", "/mail/dave"})
        REQUIRE(two.freeze(name, false));
    CHECK(two.memory() <= limits.memory);
    const std::size_t before = office.disk.listings;
    REQUIRE(two.freeze("/mail/bob", false));  // used later than carol's
    CHECK(office.disk.listings == before);
    REQUIRE(two.freeze("/mail/carol", false));
    CHECK(office.disk.listings == before + 2);
    office.pass(9min);
    REQUIRE(two.freeze("/mail/bob", false));
    office.pass(2min);
    two.tidy();
    CHECK(two.memory() > 0);
    office.pass(9min);
    two.tidy();
    CHECK(two.memory() == 0);
}
