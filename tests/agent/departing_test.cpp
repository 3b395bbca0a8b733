// What of collected mail leaves again: bounces and forwards, through the ledger into the queue.
#include <catch2/catch.hpp>

#include "agent/header_survey.hpp"
#include "mail/stamp.hpp"
#include "office.hpp"
#include "store/spool.hpp"
#include "support/queued_octets.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using Catch::Contains;
using Kind = store::Queued::Kind;

namespace {

const std::string block =
    "Return-Path: <sam@sender.example>\r\n"
    "Authentication-Results: host.example; spf=pass smtp.mailfrom=sender.example\r\n";
const std::string received = "Received: from a by mail.host.example with ESMTP; x\r\n";
const std::string body = "Message-ID: <1@sender.example>\r\nSubject: hello\r\n\r\nbody\r\n";

std::string to(const std::string& addresses, const std::string& below = {},
               const std::string& above = block) {
    return above + "X-Rcpt-To: " + addresses + "\r\n" + received + below + body;
}

struct Desk : office::Office {
    store::Spool spool{disk, layout, clock, "n"};
    mail::Srs srs{{"a secret of some length"}};
    Bounces bounces;
    Outgoing outgoing = into(spool, srs, bounces, {});

    explicit Desk(const std::string& more = {}, BounceBudget::Limits limits = {})
        : bounces(names, clock, limits) {
        settings = office::fetch(more);
        world.outgoing = &outgoing;
        world.hostname = "mail.office.example";
    }
    // What was put into the queue by collecting `message`; and how many were held.
    std::vector<store::Queued> leaves(const std::string& message) {
        const auto found = collect(message);
        const auto held_files = found.find("/held");
        held = held_files == found.end() ? 0 : held_files->second.size();
        std::vector<store::Queued> all;
        store::Spool fresh(disk, layout, clock, "n");
        std::vector<Fault> damaged;
        const auto list = fresh.list(&damaged).value();
        for (const auto& due : list) all.push_back(fresh.load(due.id).value());
        CHECK(damaged.empty());
        return all;
    }
    std::string content(const store::Queued& envelope) {
        store::Spool fresh(disk, layout, clock, "n");
        return test::queued_octets(fresh, envelope.id);
    }
    std::size_t held = 0;
};

}  // namespace

TEST_CASE("One bounce tells the sender of all who are refused, and of nobody else") {
    Desk desk;
    const auto queued = desk.leaves(to("anne@example.com, john@example.com, zzz@example.com"));
    CHECK(desk.held == 0);
    REQUIRE(queued.size() == 1);
    CHECK(queued[0].kind == Kind::bounce);
    CHECK_FALSE(queued[0].sender.address);
    CHECK(queued[0].owed.at(0).recipient.address.given() == "sam@sender.example");
    const std::string report = desk.content(queued[0]);
    CHECK_THAT(report, Contains("Reporting-MTA: dns; mail.office.example\r\n"));
    CHECK_THAT(report, Contains("Final-Recipient: rfc822;john@example.com\r\n"));
    CHECK_THAT(report, Contains("Diagnostic-Code: smtp; 550 5.1.1 John has left\r\n"));
    CHECK_THAT(report, Contains("Final-Recipient: rfc822;zzz@example.com\r\n"));
    CHECK_THAT(report, Contains("Subject: hello\r\n"));
    CHECK_THAT(report, !Contains("anne"));  // nor in the header that is shown
    CHECK_THAT(report, !Contains("body"));
    CHECK(desk.disk.files().count("/root/state/srs.secret") == 0);
}

TEST_CASE("Bounces beyond the budget are held with their reason") {
    Desk desk({}, {5, 5, 2});
    for (int i = 0; i < 4; ++i) desk.leaves(to("zzz@example.com"));
    CHECK(desk.leaves(to("zzz@example.com")).size() == 2);
    CHECK(desk.held == 3);
    const auto sorted = desk.sort(to("zzz@example.com"));
    const auto& aside = std::get<SetAside>(sorted.judged.fates.at(0).ends.at(0));
    CHECK(aside.reason == Reason::never_bounce);
    CHECK(aside.text ==
          "550 5.1.1 No such person (not bounced: its sender got 2 bounces within the "
          "last hour)");
}

TEST_CASE("bounce-all counts senders nobody vouched for apart") {
    Desk desk("unknown = \"bounce-all\"\n", {5, 1, 5});
    const std::string plain = "Return-Path: <sam@sender.example>\r\n";
    CHECK(desk.leaves(to("zzz@example.com", {}, plain)).size() == 1);
    CHECK(desk.leaves(to("yyy@example.com", {}, plain)).size() == 1);
    CHECK(desk.held == 1);
    CHECK(desk.leaves(to("xxx@example.com")).size() == 2);
}

TEST_CASE("An alias goes on to its target elsewhere, unchanged below our lines") {
    Desk desk;
    const auto queued = desk.leaves(to("info@example.com, bob@example.com"));
    CHECK(desk.held == 0);
    REQUIRE(queued.size() == 1);
    const auto& envelope = queued[0];
    CHECK(envelope.kind == Kind::forward);
    CHECK(envelope.authenticated);
    CHECK(envelope.owed.at(0).recipient.address.given() == "friend@far.example");
    CHECK(envelope.owed.at(0).original == "info@example.com");
    CHECK(envelope.original_sender == "sam@sender.example");
    CHECK(desk.srs.reverse(*envelope.sender.address, desk.clock.wall())->given() ==
          "sam@sender.example");
    const std::string sent = desk.content(envelope);
    CHECK_THAT(sent,
               Catch::StartsWith(mail::envelope_lines("info@example.com", "info@example.com") +
                                 "Received: from "));
    CHECK_THAT(sent, Contains("\r\n\tby mail.office.example with POP3\r\n\tid "));
    CHECK_THAT(sent, Catch::EndsWith(block + received + body));
    CHECK_THAT(sent, !Contains("bob@"));
    CHECK(envelope.size == sent.size());
}

TEST_CASE("A null sender stays null, and whoever may be forged is said to be so") {
    Desk desk;
    const auto null = desk.leaves(to("info@example.com", {}, "Return-Path: <>\r\n"));
    REQUIRE(null.size() == 1);
    CHECK_FALSE(null[0].sender.address);
    CHECK_FALSE(null[0].authenticated);
}

TEST_CASE("What went on from here before is held when it comes back, and others still go") {
    Desk desk;
    const std::string ours = "Delivered-To: info@example.com\r\n";
    CHECK(desk.leaves(to("info@example.com", ours)).empty());
    CHECK(desk.held == 1);
    CHECK(desk.leaves(ours + to("info@example.com")).size() == 1);  // its host's own
    const auto looped = desk.sort(to("info@example.com", ours)).judged;
    CHECK(fate_text(looped.fates.at(0)) == "anne@example.com, held: loop");
}
