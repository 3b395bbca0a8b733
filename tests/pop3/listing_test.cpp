#include "pop3/listing.hpp"

#include <catch2/catch.hpp>

#include "pop3/maildrop.hpp"

using namespace mailhandler::pop3;

namespace {

using Lines = std::vector<std::string>;

Listing read(const Lines& uidls, const Lines& sizes) {
    Listing listing;
    for (const auto& line : uidls) REQUIRE(listing.add_uidl(line));
    listing.uidls_complete();
    for (const auto& line : sizes) REQUIRE(listing.add_size(line));
    listing.sizes_complete();
    return listing;
}

// "number:uidl:size …", the whole listing as one line.
std::string flat(const Listing& listing) {
    std::string text;
    for (std::size_t i = 0; i < listing.count(); ++i)
        text += std::to_string(listing[i].number) + ':' + std::string(listing.uidl(i)) + ':' +
                std::to_string(listing[i].size) + ' ';
    return text;
}

}  // namespace

TEST_CASE("UIDL and LIST are joined by message number") {
    struct Row {
        const char* what;
        Lines uidls, sizes;
        std::string flat;
        std::size_t misunderstood;
    };
    const Row rows[] = {
        {"nothing", {}, {}, "", 0},
        {"the usual", {"1 a", "2 b"}, {"1 10", "2 20"}, "1:a:10 2:b:20 ", 0},
        {"gaps", {"2 b", "7 g"}, {"2 20", "7 70"}, "2:b:20 7:g:70 ", 0},
        {"another order", {"2 b", "1 a"}, {"1 10", "2 20"}, "1:a:10 2:b:20 ", 0},
        {"sizes backwards", {"1 a", "2 b"}, {"2 20", "1 10"}, "1:a:10 2:b:20 ", 0},
        {"more behind the size", {"1 a"}, {"1 10 octets"}, "1:a:10 ", 0},
        {"more spaces", {"1  a "}, {" 1  10"}, "1:a:10 ", 0},
        {"no uidl", {"1", "2 b"}, {"1 10", "2 20"}, "2:b:20 ", 2},
        {"empty uidl", {"1 ", "2 b"}, {"1 10", "2 20"}, "2:b:20 ", 2},
        {"empty line", {"", "2 b"}, {"2 20"}, "2:b:20 ", 1},
        {"no number", {"x a", "2 b"}, {"2 20"}, "2:b:20 ", 1},
        {"number 0", {"0 a", "2 b"}, {"2 20"}, "2:b:20 ", 1},
        {"huge number", {"4294967296 a", "2 b"}, {"2 20"}, "2:b:20 ", 1},
        {"negative size", {"1 a", "2 b"}, {"1 -5", "2 20"}, "2:b:20 ", 2},
        {"size with a tail", {"1 a"}, {"1 10k"}, "", 2},
        {"not in LIST", {"1 a", "2 b"}, {"2 20"}, "2:b:20 ", 1},
        {"not in UIDL", {"2 b"}, {"1 10", "2 20"}, "2:b:20 ", 1},
        {"number twice in UIDL", {"1 a", "1 b", "2 c"}, {"1 10", "2 20"}, "2:c:20 ", 1},
        {"number twice in LIST", {"1 a", "2 b"}, {"1 10", "1 11", "2 20"}, "1:a:11 2:b:20 ", 1},
        {"NUL", {std::string("1 a\0b", 5), "2 b"}, {"1 10", "2 20"}, "2:b:20 ", 2},
        {"8-bit", {"1 \xC3\xA9", "2 b"}, {"1 10", "2 20"}, "2:b:20 ", 2},
        {"long", {"1 " + std::string(255, 'u')}, {"1 1"}, "1:" + std::string(255, 'u') + ":1 ", 0},
        {"too long", {"1 " + std::string(256, 'u')}, {"1 1"}, "", 2},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Listing listing = read(row.uidls, row.sizes);
        CHECK(flat(listing) == row.flat);
        CHECK(listing.misunderstood() == row.misunderstood);
        CHECK(listing.well_formed() == (row.misunderstood == 0));
    }
}

TEST_CASE("a UIDL that is listed twice is named, and the listing is still well-formed") {
    const Listing listing = read({"1 a", "2 b", "3 a", "4 a"}, {"1 1", "2 2", "3 3", "4 4"});
    CHECK(listing.well_formed());
    CHECK(listing.repeated() == std::vector<std::uint32_t>{2, 3});
}

TEST_CASE("a listing without end stops at its limit") {
    Listing listing(3);
    CHECK(listing.add_uidl("1 a"));
    CHECK(listing.add_uidl("nonsense"));
    CHECK(listing.add_uidl("2 b"));
    CHECK_FALSE(listing.add_uidl("3 c"));
}

TEST_CASE("complaints are few and hold no control characters") {
    Listing listing;
    const std::string line = "\x1b[2J\r" + std::string(500, 'x');
    for (int i = 0; i < 1000; ++i) listing.add_uidl(line);
    CHECK(listing.misunderstood() == 1000);
    REQUIRE(listing.complaints().size() == 8);
    CHECK(listing.complaints()[0].find("\\x1B[2J\\x0D") != std::string::npos);
    CHECK(listing.complaints()[0].size() < 200);
}
