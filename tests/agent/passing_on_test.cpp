// Receptions of mail that leaves again: forwards, aliases with targets elsewhere, bounces that come
// back, and bounces of our own.
#include <catch2/catch.hpp>

#include "sending_room.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using Catch::Contains;
using Said = std::vector<std::string>;
using Kind = store::Queued::Kind;

namespace {

const std::string content = "DKIM-Signature: v=1\r\nSubject: Hello\r\n\r\nbody\r\n";

const test::TestRoom::Domains domains = {
    {"example.com",
     "[mailbox.anne]\n"
     "[mailbox.dora]\ndeliver = \"lmtp://127.0.0.1:24\"\nquota = \"1 kB\"\n"
     "[alias]\nboth = [\"anne\", \"bob@elsewhere.example\"]\n"},
    {"out.example", "[default]\naction = \"forward\"\nforward = [\"carol@elsewhere.example\"]\n"}};

struct Post : test::SendingRoom {
    Post() : SendingRoom(domains) {}

    Said deliver(std::vector<std::string> recipients, std::string text = content,
                 std::string sender = "a@client.example", bool lmtp = false) {
        return room.deliver({std::move(sender), std::move(recipients), std::move(text)}, lmtp);
    }
};

}  // namespace

TEST_CASE("A default that forwards passes the message on, unchanged below our lines") {
    Post post;
    CHECK(post.deliver({"Who@out.example"}) == Said{"250 2.1.5", "250 2.0.0"});
    REQUIRE(post.queued.size() == 1);
    const auto& envelope = post.queued[0];
    CHECK(post.told == std::vector<std::string>{envelope.id});
    CHECK(envelope.kind == Kind::forward);
    CHECK(envelope.owed.at(0).recipient.address.given() == "carol@elsewhere.example");
    CHECK(envelope.owed.at(0).original == "Who@out.example");
    CHECK(envelope.original_sender == "a@client.example");
    CHECK(post.srs.reverse(*envelope.sender.address, post.room.clock.wall())->given() ==
          "a@client.example");
    const auto sent = post.in("queue");
    REQUIRE(sent.size() == 1);
    CHECK_THAT(sent[0], Catch::StartsWith("X-Rcpt-To: Who@out.example\r\n"));
    CHECK_THAT(sent[0], Contains("Delivered-To: "));
    CHECK_THAT(sent[0], Contains("\r\nReceived: "));
    CHECK_THAT(sent[0], Catch::EndsWith("\r\n" + content));
    CHECK_THAT(sent[0], !Contains("Return-Path"));
    CHECK_THAT(sent[0], !Contains("elsewhere"));
}

TEST_CASE("A mailbox that another server keeps gets its mail by the queue, under its own sender") {
    Post post;
    CHECK(post.deliver({"Dora+x@example.com", "anne@example.com"}) ==
          Said{"250 2.1.5", "250 2.1.5", "250 2.0.0"});
    REQUIRE(post.queued.size() == 1);
    const auto& envelope = post.queued[0];
    CHECK(envelope.kind == Kind::handover);
    CHECK(envelope.via == "lmtp://127.0.0.1:24");
    CHECK(envelope.destination() == envelope.via);
    CHECK(envelope.sender.text() == "a@client.example");
    CHECK(envelope.original_sender == "a@client.example");
    CHECK_FALSE(envelope.authenticated);
    CHECK(envelope.owed.at(0).recipient.address.key() == "dora@example.com");
    CHECK(envelope.owed.at(0).original == "Dora+x@example.com");
    const auto sent = post.in("queue");
    REQUIRE(sent.size() == 1);
    CHECK_THAT(sent[0], Catch::StartsWith("X-Rcpt-To: Dora+x@example.com\r\n"));
    CHECK_THAT(sent[0], Contains("\r\nDelivered-To: dora@example.com\r\nReceived: "));
    CHECK_THAT(sent[0], Catch::EndsWith("\r\n" + content));
    CHECK(post.in("example.com/anne").size() == 1);
    CHECK(post.deliver({"dora@example.com"}, "Delivered-To: dora@example.com\r\n" + content) ==
          Said{"250 2.1.5", "554 5.4.6"});
    post.room.room.outgoing = nullptr;
    CHECK(post.deliver({"dora@example.com"}) == Said{"451 4.3.5"});
}

TEST_CASE("Without somebody who sends, addresses that forward answer: not now") {
    Post post;
    post.room.room.outgoing = nullptr;
    CHECK(post.deliver({"who@out.example"}) == Said{"451 4.3.5"});
    CHECK(post.deliver({"both@example.com"}) == Said{"451 4.3.5"});
}

TEST_CASE("A copy that stays and one that leaves both happen, or are both tried again") {
    std::size_t steps = 0;
    {
        Post post;
        CHECK(post.deliver({"both@example.com"}) == Said{"250 2.1.5", "250 2.0.0"});
        CHECK(post.in("queue").size() == 1);
        CHECK(post.in("example.com/anne").size() == 1);
        steps = post.disk.steps();
    }
    for (std::size_t step = 1; step <= steps; ++step) {
        Post post;
        post.disk.fail_at(step, EIO);
        const auto said = post.deliver({"both@example.com"});
        INFO(post.disk.step_name(step) << ": " << said.back());
        const bool taken = said.back() == "250 2.0.0";
        CHECK(post.in("queue").size() == (taken ? 1 : 0));
        CHECK(post.in("example.com/anne").size() == (taken ? 1 : 0));
        CHECK(post.told.size() == (taken ? 1 : 0));
    }
}

TEST_CASE("What was passed on before is not passed on again, and its sender is told") {
    Post post;
    CHECK(post.deliver({"who@out.example"}) == Said{"250 2.1.5", "250 2.0.0"});
    const std::string back = post.in("queue").at(0);
    CHECK(post.deliver({"who@out.example"}, back) == Said{"250 2.1.5", "554 5.4.6"});
    CHECK(post.queued.size() == 1);
    // One answer for both: the other gets it, and of this one a bounce tells.
    CHECK(post.deliver({"who@out.example", "anne@example.com"}, back) ==
          Said{"250 2.1.5", "250 2.1.5", "250 2.0.0"});
    REQUIRE(post.queued.size() == 2);
    CHECK(post.queued[1].kind == Kind::bounce);
    CHECK(post.queued[1].owed.at(0).recipient.address.given() == "a@client.example");
    CHECK(post.told.size() == 2);
    // LMTP has an answer for each.
    CHECK(post.deliver({"who@out.example", "anne@example.com"}, back, "a@client.example", true) ==
          Said{"250 2.1.5", "250 2.1.5", "554 5.4.6", "250 2.0.0"});
    CHECK(post.queued.size() == 2);
    // Nobody is told of a null sender's.
    CHECK(post.deliver({"who@out.example", "anne@example.com"}, back, "").back() == "250 2.0.0");
    CHECK(post.queued.size() == 2);
}

TEST_CASE("Success is told of what lies in a mailbox here, and by the queue of what does not") {
    Post post;
    Reception reception(post.room.room, post.room.client, smtp::Service::mx);
    mail::Sender sender;
    sender.address = mail::Address::parse("a@client.example").value();
    sender.envid = "E1";
    mail::Envelope envelope{sender, {}};
    for (const char* text : {"both@example.com", "anne@example.com", "who@out.example"}) {
        mail::Recipient recipient{mail::Address::parse(text).value(), {}, {}};
        recipient.notify.given = recipient.notify.success = recipient.notify.failure =
            std::string(text) != "anne@example.com";
        envelope.recipients.push_back(std::move(recipient));
    }
    reception.answer(smtp::MayFrom{envelope.sender});
    for (const auto& recipient : envelope.recipients)
        reception.answer(smtp::MayTo{&envelope.sender, recipient, 0});
    const auto answer = reception.answer(smtp::Commit{envelope, content});
    CHECK(answer.replies.at(0).code == 250);
    REQUIRE(post.queued.size() == 3);
    CHECK_FALSE(post.queued[0].owed.at(0).recipient.notify.success);  // both: told of below
    CHECK(post.queued[0].owed.at(0).recipient.notify.failure);
    CHECK(post.queued[1].owed.at(0).recipient.notify.success);
    CHECK(post.queued[2].kind == Kind::bounce);
    std::string report;
    for (const std::string& text : post.in("queue"))
        if (text.find("Action: delivered") != text.npos) report = text;
    CHECK_THAT(report, Contains("Final-Recipient: rfc822;both@example.com\r\n"));
    CHECK_THAT(report, Contains("Original-Envelope-Id: E1\r\n"));
    CHECK_THAT(report, !Contains("rfc822;anne"));
    CHECK_THAT(report, !Contains("rfc822;who"));
}

TEST_CASE("A bounce of what we passed on comes back to its sender") {
    Post post;
    const auto there = post.srs
                           .forward(*mail::Address::parse("a@client.example"), "out.example",
                                    post.room.clock.wall())
                           ->given();
    CHECK(post.deliver({there}, content, "") == Said{"250 2.1.5", "250 2.0.0"});
    REQUIRE(post.queued.size() == 1);
    CHECK(post.queued[0].kind == Kind::relay);
    CHECK_FALSE(post.queued[0].sender.address);
    CHECK(post.queued[0].owed.at(0).recipient.address.given() == "a@client.example");
    CHECK_THAT(post.in("queue").at(0), Catch::StartsWith("Received: "));
    CHECK(post.deliver({there}) == Said{"550 5.1.1"});
    CHECK(post.deliver({"SRS0=abcd=EF=x.example=y@out.example"}, content, "") == Said{"550 5.1.1"});
}
