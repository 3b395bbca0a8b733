#include <catch2/catch.hpp>

#include "imap/uid_set.hpp"

using namespace mailhandler::imap;

namespace {

std::string parsed(std::string_view text, Uid star = 9) {
    const auto set = UidSet::parse(text, star);
    return set ? set->text() : "none";
}

}  // namespace

TEST_CASE("A set is written with as few ranges as it has") {
    UidSet set;
    CHECK(set.text().empty());
    for (Uid uid : {5, 3, 4, 9, 1, 9, 7}) set.add(uid);
    CHECK(set.text() == "1,3:5,7,9");
    CHECK(set.count() == 6);
    set.add(2, 8);
    CHECK(set.text() == "1:9");
    set.add(20, 30);
    set.add(11, 12);
    set.add(10, 15);
    CHECK(set.text() == "1:15,20:30");
    set.add(4294967295u);
    set.add(1, 4294967295u);
    CHECK(set.text() == "1:4294967295");
    CHECK(set.count() == 4294967295u);
}

TEST_CASE("A set knows what it contains") {
    UidSet set;
    set.add(3, 5);
    set.add(9);
    for (Uid uid = 1; uid < 12; ++uid)
        CHECK(set.contains(uid) == ((uid >= 3 && uid <= 5) || uid == 9));
    CHECK_FALSE(UidSet().contains(1));
}

TEST_CASE("Sets are read in any order, and stars are the last message") {
    CHECK(parsed("1") == "1");
    CHECK(parsed("4:2,1,7:*") == "1:4,7:9");
    CHECK(parsed("*:3") == "3:9");
    CHECK(parsed("12:*") == "9:12");
    CHECK(parsed("*") == "9");
    CHECK(parsed("*,*:4294967295", 0) == "4294967295");
    CHECK(parsed("5:*", 0) == "5:4294967295");
}

TEST_CASE("What is no set is refused") {
    for (const char* text : {"", "0", "1:", ":1", "1,", ",1", "1:2:3", "a", "-1", "+1", "01", "1 ",
                             "4294967296", "99999999999999999999", "**", "1:0"})
        CHECK(parsed(text) == "none");
    CHECK_FALSE(UidSet::parse("1,3,5", 9, 2));
    CHECK(UidSet::parse("1,3,5", 9, 3));
}
