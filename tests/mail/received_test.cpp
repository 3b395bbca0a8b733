#include "mail/received.hpp"

#include <catch2/catch.hpp>

#include "mail/stamp.hpp"

using namespace mailhandler::mail;

namespace {

const TrustSettings usual{
    {"X-Rcpt-To", "X-POP3-Rcpt", "X-Original-To", "X-Envelope-To", "Envelope-To", "Delivered-To"},
    {},
    "",
    "catchall@example.com"};

TrustSettings trusting(std::vector<std::string> hosts) {
    TrustSettings settings = usual;
    settings.trust = std::move(hosts);
    return settings;
}
TrustSettings prefixed(std::string prefix, std::string login) {
    TrustSettings settings = usual;
    settings.prefix = std::move(prefix);
    settings.login = std::move(login);
    return settings;
}

// "X-Rcpt-To: a@x b@x ?junk" or "nobody"
std::string found(const std::string& octets, const TrustSettings& settings = usual) {
    const TrustedBlock block = read_trusted_block(octets, settings);
    if (!block.reading()) return "nobody";
    std::string text = block.reading()->name + ":";
    for (const auto& named : block.reading()->recipients) text += " " + named.address.key();
    for (const auto& junk : block.reading()->unusable) text += " ?" + junk.value;
    return text;
}

std::string joined(const std::vector<std::string_view>& pieces) {
    std::string text;
    for (const std::string_view piece : pieces) text += piece;
    return text;
}

const std::string hop =
    "Received: from far.example by mx.provider.example with SMTP id 1; date\r\n";

}  // namespace

TEST_CASE("The first header of the list that stands above the topmost Received decides") {
    const std::pair<std::string, std::string> table[] = {
        {"X-Rcpt-To: anne@example.com\r\n" + hop, "X-Rcpt-To: anne@example.com"},
        {hop + "X-Rcpt-To: forged@example.com\r\n", "nobody"},
        {"Delivered-To: b@example.com\r\nX-Rcpt-To: a@example.com\r\n" + hop,
         "X-Rcpt-To: a@example.com"},
        {"X-Rcpt-To: a@example.com\r\nX-Rcpt-To: b@example.com, A@example.com\r\n" + hop,
         "X-Rcpt-To: a@example.com b@example.com"},
        {"x-rcpt-TO : <a@example.com>,\r\n\t<b@example.com>\r\n" + hop,
         "X-Rcpt-To: a@example.com b@example.com"},
        {"X-Rcpt-To: \"a,b\"@example.com, c@example.com\r\n" + hop,
         "X-Rcpt-To: \"a,b\"@example.com c@example.com"},
        {"Envelope-To: Anne (of, us) <anne@example.com>, bob@example.com (x)\r\n" + hop,
         "Envelope-To: anne@example.com bob@example.com"},
        {"X-Envelope-To: <\"|/home/x\"> (uid 0)\r\n" + hop, "X-Envelope-To: ?<\"|/home/x\">"},
        {"X-Envelope-To: junk, a@example.com\r\n" + hop, "X-Envelope-To: a@example.com ?junk"},
        {"Delivered-To: a@example.com\r\nDelivered-To: b@example.com\r\n" + hop,
         "Delivered-To: a@example.com"},
        {"X-Original-To: a@example.com\r\nX-Original-To: b@example.com\r\n" + hop,
         "X-Original-To: a@example.com"},
        {"X-POP3-Rcpt: CatchAll@example.com\r\nX-Original-To: a@example.com\r\n" + hop,
         "X-Original-To: a@example.com"},
        {"X-Rcpt-To: catchall@example.com, a@example.com\r\n" + hop, "X-Rcpt-To: a@example.com"},
        {"Delivered-To: catchall@example.com\r\n" + hop, "nobody"},
        {"X-Rcpt-To:\r\nDelivered-To: a@example.com\r\n" + hop, "Delivered-To: a@example.com"},
        {"X-Rcpt-To: a@bücher.example, b@xn--bcher-kva.example\r\n" + hop,
         "X-Rcpt-To: a@xn--bcher-kva.example b@xn--bcher-kva.example"},
        {"To: a@example.com\r\n" + hop, "nobody"},
        {"X-Rcpt-To: a@example.com\r\n\r\nX-Rcpt-To: body@example.com\r\n",
         "X-Rcpt-To: a@example.com"},
        {"\r\nX-Rcpt-To: body@example.com\r\n", "nobody"},
        {"X-Rcpt-To: (unclosed <a@example.com>\r\n" + hop, "nobody"},
        {"X-Rcpt-To: \"unclosed <a@example.com>\r\n" + hop,
         "X-Rcpt-To: ?\"unclosed <a@example.com>"},
    };
    for (const auto& [octets, want] : table) {
        INFO(octets);
        CHECK(found(octets) == want);
    }
}

TEST_CASE("Trust reaches past the Received lines of the hosts that have it, and no further") {
    const std::string inner =
        "Received: from mx.outer.example (by evil.example) by inner.example; date\r\n";
    const std::string outer =
        "Received: from by ([1.2.3.4])\r\n by mx.Outer.example. with SMTP; date\r\n";
    const std::string evil = "Received: by inner.example; date\r\n";
    const std::string to = "X-Rcpt-To: a@example.com\r\n",
                      forged = "X-Rcpt-To: forged@example.com\r\n";
    CHECK(found(inner + to + outer + forged + evil) == "nobody");
    CHECK(found(inner + to + outer + forged, trusting({"INNER.example."})) ==
          "X-Rcpt-To: a@example.com");
    CHECK(found(inner + to + outer + forged, trusting({"mx.outer.example"})) == "nobody");
    CHECK(found(inner + outer + to + "Received: by far.example; date\r\n" + forged,
                trusting({"inner.example", "mx.outer.example"})) == "X-Rcpt-To: a@example.com");
    const TrustedBlock block =
        read_trusted_block(inner + to + outer + forged, trusting({"inner.example"}));
    CHECK(block.passed == std::vector<std::string>{"inner.example"});
    CHECK(block.ends_by == "mx.outer.example");
    CHECK(block.size == (inner + to).size());
    CHECK(read_trusted_block(hop + forged, usual).below == std::vector<std::string>{"X-Rcpt-To"});
}

TEST_CASE("The by of a Received line is not taken from what the sender says") {
    CHECK(received_by("from by (by evil.example (by worse.example)) by good.example; date") ==
          "good.example");
    CHECK(received_by("(qmail 123 invoked from network); 1 Jan 2026") == "");
    CHECK(received_by("by Good.Example. with SMTP") == "good.example");
    CHECK(received_by("from x") == "");
    CHECK(received_by("") == "");
    CHECK(received_by("; by x") == "");
}

TEST_CASE("A prefix is taken off, and the login skipped with or without it") {
    CHECK(found("Delivered-To: example.com-anne@example.com\r\n" + hop,
                prefixed("example.com-", "example.com")) == "Delivered-To: anne@example.com");
    CHECK(found("Delivered-To: example.com\r\n" + hop, prefixed("example.com-", "example.com")) ==
          "nobody");
    CHECK(found("Delivered-To: x-me@example.com\r\n" + hop, prefixed("x-", "me@example.com")) ==
          "nobody");
}

TEST_CASE("Return-Path and Authentication-Results are believed in the block only") {
    const std::string octets =
        "Return-Path: <s@far.example>\r\nAuthentication-Results: mx; spf=pass\r\n" + hop +
        "Return-Path: <forged@x>\r\nAuthentication-Results: mx; spf=forged\r\n";
    TrustedBlock block = read_trusted_block(octets, usual);
    CHECK(block.return_path->given() == "s@far.example");
    CHECK(block.authentication_results == std::vector<std::string>{"mx; spf=pass"});
    block = read_trusted_block("Return-Path: <>\r\n" + hop, usual);
    CHECK(block.has_return_path);
    CHECK(!block.return_path);
    CHECK(block.return_path_text.empty());
    block = read_trusted_block("Return-Path: junk\r\n" + hop, usual);
    CHECK(!block.return_path);
    CHECK(block.return_path_text == "junk");
    CHECK(!read_trusted_block(hop + "Return-Path: <forged@x>\r\n", usual).has_return_path);
}

TEST_CASE("Each person's copy names nobody else, and is the message otherwise") {
    const std::string below =
        "Delivered-To: below@example.com\r\nSubject: x\r\n\r\nX-Rcpt-To: body\r\n";
    const std::string octets =
        "Return-Path: <s@far.example>\r\nX-Rcpt-To: a@example.com,\r\n b@example.com\r\n"
        "X-POP3-Rcpt: c@example.com\r\nDelivered-To: d@example.com\r\nX-Kept: y\r\n" +
        hop + below;
    TrustSettings settings = usual;
    settings.headers = {"X-Original-To"};
    const TrustedBlock block = read_trusted_block(octets, settings);
    CHECK(joined(without_envelope(octets, block, settings)) ==
          "Return-Path: <s@far.example>\r\nX-Kept: y\r\n" + hop + below);
    CHECK(envelope_lines("A@x", "a@x") ==
          "X-Rcpt-To: A@x\r\nX-POP3-Rcpt: A@x\r\nDelivered-To: a@x\r\n");
}

TEST_CASE("Every header's reading is there to be explained") {
    const TrustedBlock block = read_trusted_block(
        "Delivered-To: catchall@example.com\r\nX-Envelope-To: junk\r\nX-Envelope-To: "
        "a@example.com\r\n" +
            hop,
        usual);
    REQUIRE(block.readings.size() == 2);
    CHECK(block.readings[0].name == "X-Envelope-To");
    CHECK(block.readings[0].lines == 2);
    CHECK(block.readings[0].unusable[0].reason == "there is no @ in it");
    CHECK(block.readings[1].login == std::vector<std::string>{"catchall@example.com"});
    CHECK(block.chosen == 0u);
}
