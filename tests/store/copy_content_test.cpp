#include "store/copy_content.hpp"

#include <catch2/catch.hpp>

#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::ForgetfulDisk;

TEST_CASE("A copy is its own text, then what it shares, then what was spilled, also once it was moved") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root"));
    auto spilled = disk.create("/root/spilled", 0600);
    REQUIRE(spilled);
    REQUIRE((*spilled)->write("the rest"));
    const std::string message = "header; body; ";
    const std::string_view text = message;
    // Short enough to lie in the string itself, which moves with it.
    CopyContent first{"own; ", {text.substr(0, 8), {}, text.substr(8)}, spilled->get()};
    const CopyContent content = std::move(first);
    CHECK(content.size().value() == 27);
    auto file = disk.create("/root/copy", 0600);
    REQUIRE(file);
    REQUIRE(content.write_to(**file));
    CHECK(disk::read_file(disk, "/root/copy").value() == "own; header; body; the rest");
}

TEST_CASE("A spilled file that cannot be written behind the text is a fault") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root"));
    auto spilled = disk.create("/root/spilled", 0600);
    REQUIRE((*spilled)->write("the rest"));
    auto file = disk.create("/root/copy", 0600);
    disk.cut_at(disk.steps() + 2);
    CHECK_FALSE(CopyContent{"own", {}, spilled->get()}.write_to(**file));
}
