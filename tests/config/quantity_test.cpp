#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace mailhandler::config;

TEST_CASE("Sizes are read as octets") {
    struct Row {
        const char* text;
        std::uint64_t octets;
    };
    for (const Row& row : {Row{"0", 0}, Row{"1000", 1000}, Row{"1000 B", 1000}, Row{"1KiB", 1024},
                           Row{"1 kib", 1024}, Row{"2 KB", 2000}, Row{"3K", 3072},
                           Row{"50 MiB", 50ull << 20}, Row{"10 GiB", 10ull << 30},
                           Row{"2 GB", 2'000'000'000}, Row{"1 TiB", 1ull << 40},
                           Row{"9223372036854775807", 9223372036854775807ull}}) {
        INFO(row.text);
        CHECK(parse_size(row.text).value_or(77) == row.octets);
    }
    for (const char* text : {"", " ", "GiB", "-1", "1.5 GiB", "1 XiB", "1 KiBs", "1 G B",
                             "9223372036854775808", "99999999999999999999", "9007199254740993 KiB",
                             "0x10"}) {
        INFO(text);
        CHECK_FALSE(parse_size(text));
    }
}

TEST_CASE("Periods are read as seconds and want a unit") {
    struct Row {
        const char* text;
        long seconds;
    };
    for (const Row& row : {Row{"0", 0}, Row{"90s", 90}, Row{"5m", 300}, Row{"12h", 43200},
                           Row{"30d", 2592000}, Row{"2w", 1209600}, Row{"5 m", 300}}) {
        INFO(row.text);
        REQUIRE(parse_duration(row.text));
        CHECK(parse_duration(row.text)->count() == row.seconds);
    }
    for (const char* text : {"", "m", "5", "5M", "-5m", "1h30m", "5 minutes", "1.5h", "forever",
                             "99999999999999999999s", "40000d"}) {
        INFO(text);
        CHECK_FALSE(parse_duration(text));
    }
    CHECK(parse_duration("5").error().cause ==
          "\"5\" lacks a unit; write a period such as \"90s\", \"5m\", \"12h\", \"30d\" or \"2w\"");
}

TEST_CASE("A URL is a scheme, a host and perhaps a port") {
    CHECK(parse_url("imaps://Mail.Example").value() == Url{"imaps", "mail.example", 993});
    CHECK(parse_url("lmtp://127.0.0.1:24").value() == Url{"lmtp", "127.0.0.1", 24});
    CHECK(parse_url("smtp://[::1]:2525/").value() == Url{"smtp", "::1", 2525});
    CHECK(parse_url("pop3://localhost").value() == Url{"pop3", "localhost", 110});
    for (const char* text : {"", "mail.example", "http://x", "imap://", "imap://u@x", "imap://x/y",
                             "imap://x:0", "imap://x:65536", "imap://x:", "imap://::1",
                             "imap://[::1", "imap://[::1]x", "imap://a b"}) {
        INFO(text);
        CHECK_FALSE(parse_url(text));
    }
    for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost"})
        CHECK(is_loopback(host));
    for (const char* host : {"127.0.0.1.example", "10.0.0.1", "::2", "localhost.example", ""})
        CHECK_FALSE(is_loopback(host));
}
