#include "store/uidlist.hpp"

#include <catch2/catch.hpp>

using mailhandler::store::Uidlist;

namespace {

const std::string list =
    "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
    "25006 W2481 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,\n"
    "25017 W2481 P0001.of-the-provider :1276533073.M242911P3632.kurkku,S=2000\n"
    "25018 Pshort O7 :1276533074.no-comma:2,S\n"
    "25019 :1276533075.plain\n";

std::string uidl(std::string_view text, std::string_view base) {
    const auto parsed = Uidlist::parse(text);
    if (!parsed) return "no list";
    return parsed->uidl(base).value_or("not listed");
}

}  // namespace

TEST_CASE("a message has the UIDL that was kept for it, else UID and UIDVALIDITY") {
    CHECK(uidl(list, "1276528487.M364837P9451.kurkku") == "000061ae4c0907b0");
    CHECK(uidl(list, "1276533073.M242911P3632.kurkku") == "0001.of-the-provider");
    CHECK(uidl(list, "1276533074.no-comma") == "short");
    CHECK(uidl(list, "1276533075.plain") == "000061bb4c0907b0");
    CHECK(uidl(list, "1276533076.new") == "not listed");
}

TEST_CASE("what is no list of version 3 is none at all") {
    for (const char* text : {"", "\n", "3 V1 N2", "1 1275660208 25022\n1 a\n", "3 N2\n1 :a\n",
                             "3 V0 N2\n1 :a\n", "3 V4294967296 N2\n1 :a\n", "3 Vx N2\n1 :a\n",
                             "33 V1 N2\n1 :a\n"})
        CHECK(uidl(text, "a") == "no list");
}

TEST_CASE("a malformed line costs its own message its UIDL, and no other") {
    for (const char* bad : {"x :a\n", "0 :a\n", "4294967296 :a\n", "2\n", "2 \n", "2 Pq\n", "2 :\n",
                            "2 :,S=1\n", "-2 :a\n", ":a\n", "\n", "2:a\n"}) {
        const std::string text = "3 V255 N9\n" + std::string(bad) + "3 :b\n";
        INFO(text);
        CHECK(uidl(text, "a") == "not listed");
        CHECK(uidl(text, "b") == "00000003000000ff");
    }
}

TEST_CASE("a last line that was cut off is not believed") {
    CHECK(uidl("3 V255 N9\n3 :b\n4 Pha", "b") == "00000003000000ff");
    CHECK(uidl("3 V255 N9\n4 :b", "b") == "not listed");
}

TEST_CASE("of two lines for one message the later counts") {
    CHECK(uidl("3 V255 N9\n3 :b,S=1\n4 :b,S=1:2,S\n5 :a\n", "b") == "00000004000000ff");
    CHECK(Uidlist::parse("3 V255 N9\n3 :b,S=1\n4 :b,S=1:2,S\n5 :a\n")->size() == 2);
}
