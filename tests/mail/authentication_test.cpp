#include "mail/authentication.hpp"

#include <catch2/catch.hpp>

#include "mail/bounceable.hpp"
#include "mail/header.hpp"
#include "mail/stamp.hpp"

using namespace mailhandler;
using namespace mailhandler::mail;

namespace {

Sender from(const std::string& text) {
    Sender sender;
    if (!text.empty()) sender.address = *Address::parse_sender(text);
    return sender;
}

std::string line(const std::string& sender, const std::string& result = "pass",
                 const std::string& helo = "client.example") {
    return authentication_results("mx.example.com", {result, helo}, from(sender));
}

// What the office reads of it.
std::string value(const std::string& text) { return find_field(text, "Authentication-Results")->value(); }

}  // namespace

TEST_CASE("What SPF said is one line, under our name") {
    CHECK(line("bob@Example.NET") ==
          "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=bob@example.net\r\n");
    CHECK(line("bob@example.net", "temperror") ==
          "Authentication-Results: mx.example.com; spf=temperror smtp.mailfrom=bob@example.net\r\n");
    CHECK(line("", "fail") ==
          "Authentication-Results: mx.example.com; spf=fail smtp.helo=client.example\r\n");
    CHECK(line("", "none", "[192.0.2.1]") ==
          "Authentication-Results: mx.example.com; spf=none smtp.helo=\"[192.0.2.1]\"\r\n");
    CHECK(line("", "none", "") == "Authentication-Results: mx.example.com; spf=none smtp.helo=\"\"\r\n");
}

TEST_CASE("A sender cannot say more about itself than its name") {
    CHECK(line("\"x; dkim=pass header.d=bank.example\"@example.net", "fail") ==
          "Authentication-Results: mx.example.com; spf=fail smtp.mailfrom=example.net\r\n");
    CHECK(line("\"a@bank.example\"@example.net", "fail").find("bank") == std::string::npos);
    CHECK(line("b\xc3\xbc@b\xc3\xbc" "cher.example") ==
          "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=xn--bcher-kva.example\r\n");
    CHECK(line("bob@[192.0.2.1]", "none").find("smtp.mailfrom=\"[192.0.2.1]\"") != std::string::npos);
    CHECK(line("", "fail", "a\"b\\c\r\nX: y").find('\r') == line("", "fail", "a\"b\\c\r\nX: y").size() - 2);
}

TEST_CASE("What is written at the door is believed by the office, and only for that sender") {
    const std::string pass = value(line("bob@example.net"));
    CHECK(authenticates(pass, *Address::parse("eve@example.net")));
    CHECK(!authenticates(pass, *Address::parse("bob@example.org")));
    for (const char* result : {"fail", "softfail", "none", "neutral", "temperror", "permerror"})
        CHECK(!authenticates(value(line("bob@example.net", result)),
                             *Address::parse("bob@example.net")));
    CHECK(!authenticates(value(line("", "pass", "example.net")),
                         *Address::parse("bob@example.net")));
}

TEST_CASE("Results that bear our name are told from others") {
    for (const char* ours :
         {"mx.example.com; spf=pass", "MX.Example.COM;none", " mx.example.com 1; spf=pass",
          "(they) mx.example.com (say); x", "(a (b\\)) c)\r\n\tmx.example.com; x",
          "\"mx.example.com\"; x", "\"mx.exa\\mple.com\" 1; x", "mx.example.com", "mx.example.com.; x",
          "mx.example.com/1; x", "mx.example.com(c); x", "mx.example.com=; x"})
        CHECK(claims_to_be_ours(ours, "mx.example.com"));
    for (const char* others : {"mx.example.org; spf=pass", "", ";", "(mx.example.com) other; x",
                               "example.com; x", "notmx.example.com; x", "mx.example.com.evil; x",
                               "(mx.example.com", "\"other\" mx.example.com; x"})
        CHECK(!claims_to_be_ours(others, "mx.example.com"));
}

TEST_CASE("Forged results go with the forged stamps, those of others stay") {
    const std::string octets =
        "authentication-RESULTS: MX.example.com;\r\n spf=pass smtp.mailfrom=x@y\r\nA: b\r\n"
        "Authentication-Results: other.example; spf=pass\r\n"
        "Authentication-Results:mx.example.com; dkim=pass\r\n\r\n"
        "Authentication-Results: mx.example.com; body\r\n";
    std::string kept;
    for (const auto piece : read_inbound(octets, {"mx.example.com"}).kept) kept += piece;
    CHECK(kept == "A: b\r\nAuthentication-Results: other.example; spf=pass\r\n\r\n"
                  "Authentication-Results: mx.example.com; body\r\n");
}
