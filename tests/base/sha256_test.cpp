#include "base/sha256.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

using namespace mailhandler;

namespace {

std::string hex(const Sha256Digest& digest) {
    std::string text;
    for (const std::uint8_t octet : digest) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", octet);
        text += two;
    }
    return text;
}

}  // namespace

TEST_CASE("SHA-256 of the examples of FIPS 180-4, whole and in pieces of every size") {
    const struct {
        std::string octets, digest;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {std::string(1'000'000, 'a'),
         "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
    for (const auto& row : rows) {
        CHECK(hex(sha256(row.octets)) == row.digest);
        for (const std::size_t piece : {1u, 7u, 63u, 64u, 65u, 200u}) {
            Sha256 hash;
            for (std::size_t at = 0; at < row.octets.size(); at += piece)
                hash.add(std::string_view(row.octets).substr(at, piece));
            CHECK(hex(hash.digest()) == row.digest);
        }
    }
}

TEST_CASE("HMAC-SHA-256 of RFC 4231, with a short key and with one longer than a block") {
    CHECK(hex(HmacSha256("Jefe")("what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hex(HmacSha256(std::string(131, '\xaa'))(
              "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("PBKDF2 of RFC 7914 section 11") {
    CHECK(hex(pbkdf2_sha256("passwd", "salt", 1)) ==
          "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    CHECK(hex(pbkdf2_sha256("Password", "NaCl", 80000)) ==
          "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}
