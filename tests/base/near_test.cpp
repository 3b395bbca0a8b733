#include "base/near.hpp"

#include <catch2/catch.hpp>

using mailhandler::edit_distance;
using mailhandler::nearest;

TEST_CASE("an edit distance counts insertions, deletions, substitutions and swaps") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("explain", "explian") == 1);
    CHECK(edit_distance("queue", "queu") == 1);
    CHECK(edit_distance("held", "help") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest known name is suggested, a distant one is not") {
    const std::vector<std::string> known{"add-alias", "add-domain", "explain", "show"};
    CHECK(nearest("explian", known) == "explain");
    CHECK(nearest("add-domian", known) == "add-domain");
    CHECK(nearest("shw", known) == "show");
    CHECK_FALSE(nearest("frobnicate", known));
    CHECK_FALSE(nearest("", {}));
}
