#include "wire/sasl.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::wire;
using namespace std::string_literals;

TEST_CASE("Base64 is decoded strictly") {
    const struct {
        std::string text, octets;
    } good[] = {{"", ""},
                {"Zg==", "f"},
                {"Zm8=", "fo"},
                {"Zm9v", "foo"},
                {"Zm9vYg==", "foob"},
                {"AAAA", "\0\0\0"s},
                {"//79", "\xff\xfe\xfd"}};
    for (const auto& row : good) {
        CHECK(base64_decode(row.text) == row.octets);
        CHECK(base64_encode(row.octets) == row.text);
    }
    for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "====", "=", "Zh==", "Zm9=", "Zm 9v",
                            "Zm9v\n", "Z===", "Zg==Zg==", "Zm-_", "Zm9v===="}) {
        CAPTURE(bad);
        CHECK_FALSE(base64_decode(bad));
    }
}

TEST_CASE("PLAIN has three parts, of which the first may be empty") {
    const auto plain = parse_plain("\0anne@example.com\0s3cret"s);
    REQUIRE(plain);
    CHECK(plain->authorize.empty());
    CHECK(plain->login == "anne@example.com");
    CHECK(plain->password == "s3cret");
    CHECK(parse_plain("bob\0anne\0pw"s)->authorize == "bob");
    CHECK(parse_plain(plain_message("a", "b"))->password == "b");
    for (const auto& bad : {""s, "anne"s, "\0anne"s, "\0\0pw"s, "\0anne\0"s, "\0a\0b\0c"s,
                            "\0"s + std::string(256, 'a') + "\0b"s}) {
        CHECK_FALSE(parse_plain(bad));
    }
}
