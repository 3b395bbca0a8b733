#include "store/layout.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;
using namespace mailhandler::store;

TEST_CASE("No name of a peer's can leave its directory") {
    struct {
        std::string_view name, encoded;
    } const table[] = {
        {"anne", "anne"},
        {"anne.smith+tag_1-2", "anne.smith+tag_1-2"},
        {"", "%"},
        {".", "%2E"},
        {"..", "%2E."},
        {"../../etc", "%2E.%2F..%2Fetc"},
        {".hidden", "%2Ehidden"},
        {"a/b", "a%2Fb"},
        {"@default", "%40default"},
        {"100%", "100%25"},
        {"Anne", "%41nne"},
        {"a b\n", "a%20b%0A"},
        {std::string_view("a\0b", 3), "a%00b"},
        {"jörg", "j%C3%B6rg"},
        {"a:2,S", "a%3A2%2C%53"},
    };
    for (const auto& [name, encoded] : table) {
        INFO(encoded);
        CHECK(encode_name(name) == encoded);
        REQUIRE(decode_name(encoded));
        CHECK(decode_name(encoded).value() == name);
    }
}

TEST_CASE("A name has one encoding and no other decodes to it") {
    for (const char* text : {"%61", "%2e.", "a%", "a%2", "a%zz", "Anne", ".a", "a b", "a/b", "", "%%"}) {
        INFO(text);
        CHECK_FALSE(decode_name(text));
    }
}

TEST_CASE("Every octet survives encoding, and 300 octets make an entry the disk refuses") {
    for (int octet = 0; octet < 256; ++octet) {
        const std::string name(1, static_cast<char>(octet));
        CHECK(decode_name(encode_name(name)).value() == name);
        CHECK(decode_name(encode_name("x" + name)).value() == "x" + name);
    }
    CHECK(encode_name(std::string(300, 'x')).size() == 300);
}

TEST_CASE("Everything lies below the root unless the state is elsewhere") {
    route::Domain domain;
    domain.name = "example.com";
    route::Mailbox anne;
    anne.key = "anne/../b";
    const Layout here("/etc/mailhandler/");
    CHECK(here.server_file() == "/etc/mailhandler/mailhandler.toml");
    CHECK(here.domain_file("example.com") == "/etc/mailhandler/domains/example.com.toml");
    CHECK(here.domain_file("../x") == "/etc/mailhandler/domains/%2E.%2Fx.toml");
    CHECK(here.from_root("tls/key.pem") == "/etc/mailhandler/tls/key.pem");
    CHECK(here.from_root("/abs") == "/abs");
    CHECK(here.maildir(domain.default_name()) == "/etc/mailhandler/mail/example.com/@default");
    CHECK(here.maildir(domain.name_of(anne)) ==
          "/etc/mailhandler/mail/example.com/anne%2F..%2Fb");
    const Layout apart("/etc/mailhandler", "/var/lib/mailhandler");
    CHECK(apart.fetch_file("office") == "/etc/mailhandler/fetch/office.toml");
    CHECK(apart.stage_dir("example.com") == "/var/lib/mailhandler/mail/example.com/.stage");
    CHECK(apart.serve_lock() == "/var/lib/mailhandler/state/serve.lock");
    CHECK(apart.journal_file("mx1", WallTime(std::chrono::seconds(1795411214))) ==
          "/var/lib/mailhandler/journal/mx1/2026-11-23.jsonl");
}
