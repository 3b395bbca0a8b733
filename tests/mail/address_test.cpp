#include "mail/address.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;
using namespace mailhandler::mail;

namespace {

struct Row {
    std::string text;
    std::string key;  // or, when there is none, part of the complaint:
    std::string cause;
};

const std::string nul("a\0b@example.com", 15);

const std::vector<Row> table = {
    {"anne@example.com", "anne@example.com", ""},
    {"Anne@EXAMPLE.Com.", "anne@example.com", ""},
    {"\"anne\"@example.com", "anne@example.com", ""},
    {"\"an\\ne\"@example.com", "anne@example.com", ""},
    {"\"anne smith\"@example.com", "\"anne smith\"@example.com", ""},
    {"\"a@b\"@example.com", "\"a@b\"@example.com", ""},
    {"\"a\\\"b\\\\c\"@example.com", "\"a\\\"b\\\\c\"@example.com", ""},
    {"\"<script>\"@example.com", "\"<script>\"@example.com", ""},
    {"../../etc/passwd@example.com", "\"../../etc/passwd\"@example.com", ""},
    {"/@example.com", "/@example.com", ""},
    {"|@example.com", "|@example.com", ""},
    {"a..b.@example.com", "\"a..b.\"@example.com", ""},
    {"\"|/bin/sh\"@example.com", "|/bin/sh@example.com", ""},
    {"!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", ""},
    {"x@under_score.example", "x@under_score.example", ""},
    {"x@localhost", "x@localhost", ""},
    {"x@[192.0.2.1]", "x@[192.0.2.1]", ""},
    {"x@[IPv6:2001:DB8:0::1]", "x@[IPv6:2001:db8::1]", ""},
    // one name, two spellings
    {"x@bücher.example", "x@xn--bcher-kva.example", ""},
    {"x@BÜCHER.example", "x@xn--bcher-kva.example", ""},
    {"x@XN--BCHER-KVA.example", "x@xn--bcher-kva.example", ""},
    {"x@bu\xcc\x88"
     "cher.example",
     "x@xn--bcher-kva.example", ""},
    {"x@日本語。jp", "x@xn--wgv71a119e.jp", ""},
    {"x@faß.de", "x@xn--fa-hia.de", ""},
    {"JOSÉ@example.com", "josé@example.com", ""},
    {"jose\xcc\x81@example.com", "josé@example.com", ""},
    {"ΣΊΣΥΦΟΣ@example.com", "σίσυφοσ@example.com", ""},
    {"σίσυφος@example.com", "σίσυφοσ@example.com", ""},
    {"Straße@example.com", "straße@example.com", ""},
    {"ı@example.com", "ı@example.com", ""},
    {"\xe2\x84\xaa@example.com", "k@example.com", ""},  // the Kelvin sign
    // limits
    {std::string(64, 'a') + "@x.example", std::string(64, 'a') + "@x.example", ""},
    {std::string(65, 'a') + "@x.example", "", "longer than 64"},
    {"x@" + std::string(63, 'a') + ".de", "x@" + std::string(63, 'a') + ".de", ""},
    {"x@" + std::string(64, 'a') + ".de", "", "longer than 63"},
    {"x@" + std::string(300, '.'), "", "domain"},
    {std::string(70000, 'a') + "@x.example", "", "too long"},
    // refused
    {"", "", "empty"},
    {"anne", "", "no @"},
    {"@example.com", "", "local part is empty"},
    {"\"\"@example.com", "", "local part is empty"},
    {"anne@", "", "domain is empty"},
    {"anne@.", "", "domain is empty"},
    {"anne@example..com", "", "empty label"},
    {"anne@.example.com", "", "empty label"},
    {"anne@-x.example", "", "hyphen"},
    {"anne@x-.example", "", "hyphen"},
    {"anne@ex ample.com", "", "space"},
    {"anne@example.com ", "", "space"},
    {"a@b@example.com", "", "@"},
    {"anne smith@example.com", "", "quoted"},
    {"<anne@example.com>", "", "quoted"},
    {"a(b)@example.com", "", "quoted"},
    {"\"anne@example.com", "", "does not end"},
    {"\"anne\\", "", "does not end"},
    {"\"anne\"x@example.com", "", "no @"},
    {"a\rb@example.com", "", "control"},
    {"a\nb@example.com", "", "control"},
    {"\"a\\\nb\"@example.com", "", "control"},
    {nul, "", "control"},
    {"a\x7f@example.com", "", "control"},
    {"a\xc2\x85@example.com", "", "control"},
    {"a@exa\nmple.com", "", "control"},
    {"a@b\xc3\xbc\x01.example", "", "control"},
    {"a\xff@example.com", "", "UTF-8"},
    {"a\xc0\x80@example.com", "", "UTF-8"},
    {"a\xed\xa0\x80@example.com", "", "UTF-8"},
    {"a@\xff.example", "", "UTF-8"},
    {"a@[1.2.3]", "", "literal"},
    {"a@[1.2.3.4", "", "literal"},
    {"a@[IPv6:zz]", "", "literal"},
    {std::string("a@[1.2.3.4\0]", 12), "", "literal"},
    {"a@b.example/../c", "", "character /"},
};

}  // namespace

TEST_CASE("An address is taken apart into the form it is compared by, or refused in words") {
    for (const Row& row : table) {
        INFO(row.text);
        const auto address = Address::parse(row.text);
        CHECK(address.has_value() == row.cause.empty());
        if (address) {
            CHECK(address->key() == row.key);
            CHECK(address->given() == row.text);
            CHECK(address->key() == Address::parse(address->wire()).value().key());
            CHECK(address->key() == Address::parse(address->key()).value().key());
        } else {
            CHECK(!address.error().temporary);
            CHECK(address.error().cause.find(row.cause) != std::string::npos);
        }
    }
}

TEST_CASE("Postmaster may stand alone as a recipient only") {
    CHECK(Address::parse_recipient("PostMaster").value().key() == "postmaster");
    CHECK(Address::parse_recipient("PostMaster").value().given() == "PostMaster");
    CHECK(Address::parse_recipient("postmaster@Example.com").value().key() ==
          "postmaster@example.com");
    CHECK(!Address::parse("postmaster"));
    CHECK(!Address::parse_recipient("anne"));
    CHECK(is_postmaster("POSTMASTER"));
    CHECK(!is_postmaster("postmasters"));
}

TEST_CASE("A sender may have the long local part of VERP and SRS") {
    const std::string verp = "bounces+" + std::string(200, 'v') + "@lists.example";
    CHECK(!Address::parse(verp));
    CHECK(Address::parse_sender(verp).value().given() == verp);
    CHECK(!Address::parse_sender(std::string(513, 'a') + "@x.example"));
}

TEST_CASE("A tag is what follows the first plus") {
    const auto bare = [](const char* text) { return Address::parse(text).value().without_tag(); };
    CHECK(bare("Anne+News@Example.com").given() == "Anne@Example.com");
    CHECK(bare("Anne+News@Example.com").key() == "anne@example.com");
    CHECK(bare("anne+a+b@example.com").key() == "anne@example.com");
    CHECK(bare("\"anne smith+x\"@bücher.example").given() == "\"anne smith\"@bücher.example");
    CHECK(bare("+x@example.com").key() == "+x@example.com");
    CHECK(bare("anne@example.com").given() == "anne@example.com");
}

TEST_CASE("Only a local part beyond ASCII needs SMTPUTF8") {
    CHECK(Address::parse("josé@example.com").value().needs_smtputf8());
    CHECK(!Address::parse("jose@bücher.example").value().needs_smtputf8());
    CHECK(Address::parse("Jose@bücher.example").value().wire() == "Jose@xn--bcher-kva.example");
    CHECK(Address::parse("..a@x.example").value().wire() == "\"..a\"@x.example");
}
