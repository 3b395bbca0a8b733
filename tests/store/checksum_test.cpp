#include "store/checksum.hpp"

#include <catch2/catch.hpp>

#include <string>

using mailhandler::store::crc32;

TEST_CASE("the checksum is that of zlib, Ethernet and PNG, whatever pieces it is made from") {
    CHECK(crc32("") == 0);
    CHECK(crc32("123456789") == 0xCBF43926u);
    const std::string text = "The quick brown fox jumps over the lazy dog";
    CHECK(crc32(text) == 0x414FA339u);
    for (std::size_t cut = 0; cut <= text.size(); ++cut)
        CHECK(crc32(std::string_view(text).substr(cut), crc32(text.substr(0, cut))) == 0x414FA339u);
}
