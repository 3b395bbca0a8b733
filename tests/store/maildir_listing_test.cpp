#include "store/maildir_listing.hpp"

#include <catch2/catch.hpp>

#include <random>

#include "store/maildir.hpp"

using namespace mailhandler;
using namespace mailhandler::store;

namespace {

disk::Names names(const std::vector<std::string>& all) {
    disk::Names made;
    for (const std::string& each : all) made.add_copy(each, disk::Kind::file);
    return made;
}

std::vector<std::string> files(const MaildirListing& listing) {
    std::vector<std::string> all;
    for (const auto& each : listing)
        all.push_back((each.in_new() ? "new/" : "cur/") + std::string(each.file()));
    return all;
}

}  // namespace

TEST_CASE("The numbers that messages are sorted by never contradict the order of their age") {
    std::vector<std::string> bases = {"1795411214.M000001P1Q1.mx1", "1795411214.M000001P1Q2.mx1",
                                      "1795411214", "01795411214.x", "0001795411214.x", "0", "00",
                                      "+x", "a", "0a", "18446744073709551615.x",
                                      "18446744073709551616.x", "99999999999999999999999.y",
                                      "9999999999999999999.z", "\xff", "1\xff", "1\x01"};
    std::mt19937 random(7);
    for (int i = 0; i < 300; ++i) {
        std::string base;
        for (unsigned length = 1 + random() % 13; length > 0; --length)
            base += "0011295.MQ\xe9~!"[random() % 14];
        bases.push_back(base);
    }
    std::size_t told = 0;
    for (const auto& one : bases) {
        for (const auto& other : bases) {
            const AgeKey first = age_key(one), second = age_key(other);
            told += first != second;
            if (first < second) REQUIRE(older(one, other));
            if (one == other) REQUIRE(first == second);
        }
    }
    CHECK(told > bases.size() * bases.size() * 9 / 10);
}

TEST_CASE("A message that was seen in new and in cur is one, in cur; two files of a name are two") {
    const MaildirListing listing(names({"2.b,S=1", "1.a,W=7,S=7", ".x", ",S=1", "3.c"}),
                                 names({"1.a,S=7,W=7:2,S", "3.c:2,S", "3.c:2,RS"}));
    CHECK(files(listing) == std::vector<std::string>{"cur/1.a,S=7,W=7:2,S", "new/2.b,S=1",
                                                     "cur/3.c:2,S", "cur/3.c:2,RS"});
    CHECK(listing.repeated());
    CHECK(listing.printable());
    CHECK(listing[0].wire_size() == 7);
    CHECK_FALSE(listing[1].wire_size());
    REQUIRE(listing.find("2.b"));
    CHECK(listing.find("2.b")->in_new());
    CHECK_FALSE(listing.find("2"));
    CHECK_FALSE(MaildirListing(names({"1.a"}), names({"1.a:2,"})).repeated());
    CHECK_FALSE(MaildirListing(names({"1 a"}), names({})).printable());
    CHECK_FALSE(MaildirListing(names({"\xc3\xa9"}), names({})).printable());
    CHECK(MaildirListing(names({"1.a,\x01"}), names({})).printable());
}
