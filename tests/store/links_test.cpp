// Links in a maildir, on the machine's own disk: none is a message or a folder, and none is
// followed.
#include <catch2/catch.hpp>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "store/a_mailbox.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::store;

namespace {

void write(const std::string& path) { std::ofstream(path) << "a: b\n\nsecret\n"; }

}  // namespace

TEST_CASE("a link in a maildir is no message and no folder, and what it names stays untouched") {
    const test::TemporaryDirectory root;
    const auto disk = disk::system_disk();
    SystemClock clock;
    SystemRandom random;
    Store store(*disk);
    UniqueNames names(clock, "mx", 1);
    Mailboxes boxes({*disk, store, names, clock, random, Log()});
    const std::string maildir = root / "box", elsewhere = root / "elsewhere";
    REQUIRE(make_maildir(*disk, maildir));
    REQUIRE(make_maildir(*disk, elsewhere));
    write(elsewhere + "/new/1.secret");
    write(elsewhere + "/cur/2.secret:2,S");
    write(maildir + "/new/3.mail");
    REQUIRE(::symlink((elsewhere + "/new/1.secret").c_str(), (maildir + "/new/4.link").c_str()) ==
            0);
    REQUIRE(::symlink("/etc/passwd", (maildir + "/cur/5.link:2,").c_str()) == 0);
    REQUIRE(::symlink(elsewhere.c_str(), (maildir + "/.Linked").c_str()) == 0);
    Folders folders(boxes, maildir);
    REQUIRE(folders.create("Half"));
    std::filesystem::remove_all(maildir + "/.Half/cur");
    REQUIRE(::symlink((elsewhere + "/cur").c_str(), (maildir + "/.Half/cur").c_str()) == 0);

    const auto box = *folders.open("INBOX");
    const auto claimed = box->claim();
    REQUIRE(claimed);
    CHECK(test::flat(*claimed->list) == "1:cur/3.mail:2,");
    REQUIRE(box->expunge(std::vector<Uid>{1, 2, 3}));
    for (const char* name : {"Linked", "Half"}) {
        CHECK(folders.open(name).error().error == ENOENT);
        CHECK(folders.remove(name).error().error == ENOENT);
        CHECK(!folders.create(name));
    }
    const auto all = folders.list();
    REQUIRE(all);
    CHECK(all->size() == 1);
    // A folder with links in it is deleted, what they name is not.
    REQUIRE(folders.create("Gone"));
    REQUIRE(::symlink(elsewhere.c_str(), (maildir + "/.Gone/cur/x").c_str()) == 0);
    REQUIRE(folders.remove("Gone"));
    CHECK(std::filesystem::exists(elsewhere + "/new/1.secret"));
    CHECK(std::filesystem::exists(elsewhere + "/cur/2.secret:2,S"));
    CHECK(std::filesystem::exists("/etc/passwd"));
}
