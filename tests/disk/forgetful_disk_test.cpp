// The disk that forgets is itself tested: a test that runs on a disk which forgets nothing proves
// nothing.
#include "support/forgetful_disk.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

using namespace mailhandler;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;

namespace {

void put(ForgetfulDisk& disk, const std::string& path, std::string_view text, bool sync) {
    auto file = disk.create(path, 0600);
    REQUIRE(file);
    REQUIRE((*file)->write(text));
    if (sync) REQUIRE((*file)->sync());
}

}  // namespace

TEST_CASE("A power cut takes what was not synced: content, entry, or both") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/d"));
    put(disk, "/d/content", "x", true);
    put(disk, "/d/both", "x", true);
    put(disk, "/d/entry", "x", false);
    SECTION("strictly") {
        REQUIRE(disk.sync_directory("/d"));
        put(disk, "/d/late", "x", true);
        disk.crash();
        CHECK(disk.files() == std::map<std::string, std::string>{
                                  {"/d/both", "x"}, {"/d/content", "x"}, {"/d/entry", ""}});
    }
    SECTION("with the entries kept") {
        disk.crash(Survives::entries);
        CHECK(disk.files().at("/d/entry").empty());
        CHECK(disk.files().at("/d/content") == "x");
    }
    SECTION("by a seed, both ways are seen") {
        disk.crash(Survives::some, 1);
        CHECK(disk.files().size() <= 3);
    }
}

TEST_CASE("A rename is one change in its directory and two between directories") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/a"));
    REQUIRE(disk::make_directories(disk, "/b"));
    put(disk, "/a/x", "x", true);
    REQUIRE(disk.sync_directory("/a"));
    SECTION("not synced: it did not happen") {
        REQUIRE(disk.rename("/a/x", "/a/y"));
        disk.crash();
        CHECK(disk::exists(disk, "/a/x"));
    }
    SECTION("only the target synced: in both") {
        REQUIRE(disk.rename("/a/x", "/b/x"));
        REQUIRE(disk.sync_directory("/b"));
        disk.crash();
        CHECK(disk.files().size() == 2);
    }
    SECTION("only the source synced: lost") {
        REQUIRE(disk.rename("/a/x", "/b/x"));
        REQUIRE(disk.sync_directory("/a"));
        disk.crash();
        CHECK(disk.files().empty());
    }
    SECTION("killed: what is cached stays") {
        REQUIRE(disk.rename("/a/x", "/b/x"));
        disk.kill();
        CHECK(disk::exists(disk, "/b/x"));
        CHECK(disk.files().size() == 1);
    }
}

TEST_CASE("A file whose sync failed is not saved by the next one") {
    ForgetfulDisk disk;
    put(disk, "/x", "", false);
    auto file = disk.append("/x", 0600);
    REQUIRE((*file)->write("text"));
    REQUIRE(disk.sync_directory("/"));
    disk.fail_at(disk.steps() + 1, EIO);
    CHECK_FALSE((*file)->sync());
    CHECK((*file)->sync());
    disk.crash();
    CHECK(disk.files().at("/x").empty());
}

TEST_CASE("After a cut nothing has any effect, and files from before stay dead") {
    ForgetfulDisk disk;
    put(disk, "/x", "", true);
    auto file = disk.append("/x", 0600);
    auto lock = disk.lock("/lock", false);
    REQUIRE(lock);
    CHECK_FALSE(disk.lock("/lock", false));
    disk.cut_at(disk.steps() + 1);
    CHECK_FALSE((*file)->write("abcd"));
    CHECK_FALSE((*file)->write("efgh"));
    CHECK_FALSE(disk.create("/y", 0600));
    CHECK_FALSE(disk.remove("/x"));
    disk.kill();
    CHECK_FALSE((*file)->write("late"));
    CHECK(disk.files().at("/x") == "ab");  // the write that was cut got half way
    CHECK(disk.lock("/lock", false));
}

TEST_CASE("Replacing a file leaves the old or the new at every step") {
    const auto run = [](ForgetfulDisk& disk) {
        return disk::replace_file(disk, "/d/x", "new content", 0600).has_value();
    };
    const auto prepare = [](ForgetfulDisk& disk) {
        REQUIRE(disk::make_directories(disk, "/d"));
        REQUIRE(disk::replace_file(disk, "/d/x", "old", 0600));
        return disk.steps();
    };
    ForgetfulDisk whole;
    const std::size_t before = prepare(whole);
    REQUIRE(run(whole));
    for (std::size_t step = before + 1; step <= whole.steps() + 1; ++step) {
        for (std::uint32_t seed = 0; seed < 20; ++seed) {
            ForgetfulDisk disk;
            prepare(disk);
            disk.cut_at(step);
            const bool done = run(disk);
            disk.crash(seed == 0 ? Survives::synced : Survives::some, seed);
            INFO("step " << step << " seed " << seed << ' ' << whole.step_name(step));
            const auto content = disk::read_file(disk, "/d/x");
            REQUIRE(content);
            CHECK((*content == "new content" || (!done && *content == "old")));
        }
    }
}
