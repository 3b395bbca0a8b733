#include "mail/srs.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <stdexcept>

#include "mail/hmac_sha1.hpp"

using namespace mailhandler;
using namespace mailhandler::mail;

namespace {

const WallTime day{std::chrono::seconds(1'795'411'214)};  // 2026-11-23

template <class Digest>
std::string hex(const Digest& digest) {
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

Address sender(std::string_view text) { return Address::parse_sender(text).value(); }

std::string forwarded(const Srs& srs, std::string_view from, std::string_view domain) {
    return srs.forward(sender(from), domain, day).value().given();
}

std::string reversed(const Srs& srs, std::string_view text, WallTime now = day) {
    const auto found = srs.reverse(sender(text), now);
    return found ? found->given() : found.error().cause;
}

}  // namespace

TEST_CASE("SHA-1 and HMAC-SHA1 give the published values") {
    CHECK(hex(sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    CHECK(hex(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    // FIPS 180-4's own: two blocks, and a million octets
    CHECK(hex(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    CHECK(hex(sha1(std::string(1'000'000, 'a'))) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    // RFC 2202 section 3, cases 1, 2, 3, 6 and 7
    CHECK(hex(hmac_sha1(std::string(20, '\x0b'), "Hi There")) ==
          "b617318655057264e28bc0b6fb378c8ef146be00");
    CHECK(hex(hmac_sha1("Jefe", "what do ya want for nothing?")) ==
          "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    CHECK(hex(hmac_sha1(std::string(20, '\xaa'), std::string(50, '\xdd'))) ==
          "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    const std::string long_key(80, '\xaa');
    CHECK(hex(hmac_sha1(long_key, "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    CHECK(hex(hmac_sha1(long_key,
                        "Test Using Larger Than Block-Size Key and Larger Than One "
                        "Block-Size Data")) == "e8e99d0f45237d786d6bbaa7965c7808bbff1a91");
}

TEST_CASE("A sender is rewritten into our domain and found again") {
    const Srs srs({"secret"});
    for (const std::string from :
         {"anne@their.example", "Anne.Smith+news@their.example", "a=b=c@their.example",
          "\"anne smith\"@their.example", "srs0@their.example", "SRS0x@their.example",
          "j\xc3\xbcrgen@their.example"}) {
        const std::string there = forwarded(srs, from, "ours.example");
        CAPTURE(from, there);
        CHECK(is_srs(sender(there).local()));
        CHECK(there.ends_with("@ours.example"));
        CHECK(reversed(srs, there) == from);
    }
    CHECK(forwarded(srs, "anne@ours.example", "ours.example") == "anne@ours.example");
}

TEST_CASE("A sender that somebody rewrote before goes back to whoever was first") {
    const Srs first({"one"}), second({"two"}), third({"three"});
    const std::string a = forwarded(first, "anne@their.example", "first.example");
    const std::string b = forwarded(second, a, "second.example");
    const std::string c = forwarded(third, b, "third.example");
    CHECK(b.starts_with("SRS1="));
    CHECK(c.starts_with("SRS1="));
    CHECK(reversed(second, b) == a);
    CHECK(reversed(third, c) == a);  // past the second
    CHECK(reversed(third, b) == "its SRS hash is not one of ours");
    CHECK(reversed(first, reversed(third, c)) == "anne@their.example");
    // another separator, as some hosts use it, survives
    const std::string plus =
        forwarded(second, "SRS0+abcd=EF=x.example=y@first.example", "second.example");
    CHECK(reversed(second, plus) == "SRS0+abcd=EF=x.example=y@first.example");
}

TEST_CASE("Only what we signed is taken, whatever happened to its case") {
    const Srs srs({"secret"});
    std::string there = forwarded(srs, "Anne@their.example", "ours.example");
    std::string smashed = there;
    for (char& c : smashed) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    CHECK(reversed(srs, smashed) == "anne@their.example");
    // one more letter: with one letter changed 2 of 64 hashes would still fit its other case
    there.insert(there.find('@'), "x");
    CHECK(reversed(srs, there) == "its SRS hash is not one of ours");
    CHECK(reversed(Srs({"other"}), smashed) == "its SRS hash is not one of ours");
    CHECK(reversed(Srs({"new", "secret"}), smashed) == "anne@their.example");
    for (const std::string bad : {"SRS0=@o.example", "SRS0=a@o.example", "SRS0=abcd=EF@o.example",
                                  "SRS0=abcd=EF=x.example=@o.example", "SRS0=abcd=EF==y@o.example"})
        CHECK(reversed(srs, bad) == "its SRS0 form is not complete");
    for (const std::string bad :
         {"SRS1=@o.example", "SRS1=abcd==x@o.example", "SRS1=abcd=x.example=@o.example"})
        CHECK(reversed(srs, bad) == "its SRS1 form is not complete");
    CHECK(reversed(srs, "anne@o.example") == "it is no SRS address");
    CHECK_THROWS_AS(Srs({}), std::invalid_argument);
    CHECK_THROWS_AS(Srs({"a", ""}), std::invalid_argument);
}

TEST_CASE("An SRS address is good for 21 days, also where the days begin anew") {
    const Srs srs({"secret"});
    const auto days = [](int count) { return std::chrono::hours(24 * count); };
    for (const int start : {0, 1023 - 20550 % 1024, 1000}) {
        const WallTime then = day + days(start);
        const Address there = srs.forward(sender("a@x.example"), "ours.example", then).value();
        CHECK(srs.reverse(there, then));
        CHECK(srs.reverse(there, then + days(21)));
        CHECK_FALSE(srs.reverse(there, then + days(22)));
        CHECK_FALSE(srs.reverse(there, then - days(1)));
    }
}

TEST_CASE("A sender too long to be rewritten is refused") {
    const Srs srs({"secret"});
    const std::string longest(490, 'a');
    CHECK(srs.forward(sender(longest.substr(0, 400) + "@x.example"), "ours.example", day));
    CHECK_FALSE(
        srs.forward(sender(longest + "@a.long.domain.of.theirs.example"), "ours.example", day));
}

TEST_CASE("A bounce may come to an SRS address that is longer than a recipient's") {
    const std::string local = std::string("x").append(80, 'a');
    CHECK_FALSE(Address::parse_recipient(local + "@ours.example"));
    const Srs srs({"secret"});
    const std::string there = forwarded(srs, local + "@their.example", "ours.example");
    CHECK(Address::parse_recipient(there).value().given() == there);
    CHECK(Address::parse_recipient("\"SRS0=aaaa=BB=x.example=" + local + " y\"@ours.example"));
    CHECK_FALSE(Address::parse_recipient("SRS0=" + std::string(600, 'a') + "@ours.example"));
}
