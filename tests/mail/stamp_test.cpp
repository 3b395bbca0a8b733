#include "mail/stamp.hpp"

#include <catch2/catch.hpp>

#include "mail/header.hpp"

using namespace mailhandler;
using namespace mailhandler::mail;

namespace {

std::string joined(const Inbound& inbound) {
    std::string text;
    for (const std::string_view piece : inbound.kept) text += piece;
    return text;
}

Hop hop() {
    Hop hop;
    hop.helo = "client.example";
    hop.ip = "192.0.2.1";
    hop.hostname = "mx.example.com";
    hop.id = "abc123";
    hop.time = std::chrono::system_clock::from_time_t(1795411214);
    return hop;
}

}  // namespace

TEST_CASE("The stamps that came along are taken out, everything else stays octet for octet") {
    const std::pair<std::string, std::string> table[] = {
        {"A: b\r\n\r\nX-Rcpt-To: body\r\n", "A: b\r\n\r\nX-Rcpt-To: body\r\n"},
        {"X-Rcpt-To: f\r\nA: b\r\n\r\n", "A: b\r\n\r\n"},
        {"A: b\r\nx-rCPT-tO : f\r\n g\r\n\th\r\nC: d\r\n\r\nx", "A: b\r\nC: d\r\n\r\nx"},
        {"X-POP3-Rcpt:f\r\nX-Rcpt-To\t: f\r\nReturn-Path: <x>\r\n\r\nbody", "\r\nbody"},
        {"X-Rcpt-To\r\n : f\r\nA: b\r\n\r\n", "A: b\r\n\r\n"},
        {"A: b\r\n X-Rcpt-To: folded into A\r\n\r\n", "A: b\r\n X-Rcpt-To: folded into A\r\n\r\n"},
        {"A: b\r\ngarbage\r\nX-Rcpt-To: f\r\n\r\n", "A: b\r\ngarbage\r\n\r\n"},
        {"From x\r\nX-Rcpt-To: f\r\nA: b\r\n\r\n", "From x\r\nA: b\r\n\r\n"},
        {"Delivered-To: x@y\r\nX-Rcpt-Too: a\r\nX-Original-To: k\r\n\r\n",
         "Delivered-To: x@y\r\nX-Rcpt-Too: a\r\nX-Original-To: k\r\n\r\n"},
        {"Just a body\r\nX-Rcpt-To: x\r\n", "Just a body\r\n"},
        {" folded into ours\r\nX-Rcpt-To: x\r\nA: b\r\n\r\nX-Rcpt-To: body\r\n",
         " folded into ours\r\nA: b\r\n\r\nX-Rcpt-To: body\r\n"},
        {"\r\nReturn-Path: body\r\n", "\r\nReturn-Path: body\r\n"},
        {"X-Rcpt-To: cut short", ""},
        {"", ""},
    };
    for (const auto& [octets, want] : table) {
        INFO(octets);
        const Inbound inbound = read_inbound(octets);
        CHECK(joined(inbound) == want);
        CHECK(inbound.kept_size == want.size());
    }
    CHECK(read_inbound("A: b\r\nC: d\r\n\r\nbody").kept.size() == 1);
}

TEST_CASE("A header that has not ended says so") {
    CHECK(read_inbound("A: b\r\n\r\n").complete);
    CHECK(!read_inbound("A: b\r\n").complete);
    CHECK(!read_inbound("A: b\r\nX-Rcpt").complete);
    CHECK(!read_inbound("X-Rcpt").complete);
    CHECK(!read_inbound("X-Rcpt-To\r\n").complete);
    CHECK(!read_inbound("Just a body\r\nmore").complete);
    CHECK(read_inbound("Just a body\r\n\r\nmore").complete);
}

TEST_CASE("Loops are seen by their Received lines and by our own Delivered-To") {
    std::string octets;
    for (int i = 0; i < 100; ++i) octets += "Received: by x\r\n";
    CHECK(!read_inbound(octets + "\r\nReceived: x\r\n").too_many_hops());
    CHECK(read_inbound(octets + "received : x\r\n\r\n").too_many_hops());
    const Inbound inbound = read_inbound(
        "Delivered-To: Anne@Example.com\r\nDelivered-To:\r\n <x@bücher.example>\r\n"
        "Delivered-To: junk\r\n\r\nDelivered-To: body@example.com\r\n");
    const auto came_back = [&](const char* text) {
        return inbound.came_back(Address::parse(text).value());
    };
    CHECK(came_back("anne@example.com"));
    CHECK(came_back("\"anne\"@EXAMPLE.com"));
    CHECK(came_back("x@xn--bcher-kva.example"));
    CHECK(!came_back("body@example.com"));
    CHECK(!came_back("bob@example.com"));
}

TEST_CASE("The stamp names the envelope") {
    CHECK(stamp("s@far.example", "Info+x@Example.com", "anne@example.com") ==
          "Return-Path: <s@far.example>\r\nX-Rcpt-To: Info+x@Example.com\r\n"
          "X-POP3-Rcpt: Info+x@Example.com\r\nDelivered-To: anne@example.com\r\n");
    CHECK(stamp("", "a@b", "a@b").starts_with("Return-Path: <>\r\n"));
}

TEST_CASE("One copy for many names them all in one folded header of each kind") {
    const std::string_view two[] = {"a@example.com", "b@example.com"};
    CHECK(stamp("", two) ==
          "Return-Path: <>\r\nX-Rcpt-To: a@example.com, b@example.com\r\n"
          "X-POP3-Rcpt: a@example.com, b@example.com\r\n");
    std::vector<std::string> names;
    for (int i = 0; i < 500; ++i) names.push_back("person" + std::to_string(i) + "@example.com");
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string text = stamp("", views);
    CHECK(count_fields(text + "\r\n", "X-Rcpt-To") == 1);
    CHECK(text.find("Delivered-To") == std::string::npos);
    for (std::size_t at = 0, end; (end = text.find("\r\n", at)) != text.npos; at = end + 2)
        CHECK(end - at <= 78);
    std::string want;
    for (const auto& name : names) want += (want.empty() ? "" : ", ") + name;
    CHECK(find_field(text, "X-POP3-Rcpt")->value() == want);
}

TEST_CASE("Received says where from, by whom, how and for whom") {
    CHECK(unfold(received(hop()))
              .starts_with("Received: from client.example ([192.0.2.1])\tby mx.example.com with "
                           "ESMTP\tid abc123; "));
    Hop full = hop();
    full.ip = "2001:db8::1";
    full.tls = full.authenticated = true;
    full.tls_text = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    full.recipient = "anne@example.com";
    const std::string text = received(full);
    CHECK(text.find("([IPv6:2001:db8::1])\r\n\tby mx.example.com with ESMTPSA (TLSv1.3 "
                    "TLS_AES_256_GCM_SHA384)"
                    "\r\n\tid abc123\r\n\tfor <anne@example.com>; ") != text.npos);
    CHECK(text.ends_with("0000\r\n"));
}

TEST_CASE("The protocol's name tells TLS, login, UTF-8 and LMTP") {
    const auto name = [](bool lmtp, bool extended, bool tls, bool auth, bool utf8) {
        Hop hop;
        hop.lmtp = lmtp, hop.extended = extended, hop.tls = tls, hop.authenticated = auth,
        hop.smtputf8 = utf8;
        return protocol_name(hop);
    };
    CHECK(name(false, false, false, false, false) == "SMTP");
    CHECK(name(false, true, false, false, false) == "ESMTP");
    CHECK(name(false, true, true, false, false) == "ESMTPS");
    CHECK(name(false, true, true, true, true) == "UTF8SMTPSA");
    CHECK(name(true, true, false, false, false) == "LMTP");
    CHECK(name(true, true, true, false, false) == "LMTPS");
    CHECK(name(true, true, false, false, true) == "UTF8LMTP");
}

TEST_CASE("No value can end a line or begin a header") {
    const std::string bad("x\r\nEvil: 1\n\0\ry", 15);
    Hop evil = hop();
    evil.helo = evil.ip = evil.hostname = evil.id = evil.tls_text = evil.recipient = bad;
    const std::string_view list[] = {bad, bad};
    for (const std::string& text : {received(evil), stamp(bad, bad, bad), stamp(bad, list)}) {
        CHECK(count_fields(text, "Evil") == 0);
        CHECK(text.find('\0') == text.npos);
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') CHECK((i > 0 && text[i - 1] == '\r'));
            if (text[i] == '\r') CHECK((i + 1 < text.size() && text[i + 1] == '\n'));
        }
    }
    evil = hop();
    evil.helo = "a) by trusted.example (b";
    CHECK(received(evil).starts_with("Received: from a??by?trusted.example??b ("));
}
