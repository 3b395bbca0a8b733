// Mail of our own users: who may write as whom, where it goes, what is mended in it.
#include "agent/submission.hpp"

#include <catch2/catch.hpp>

#include "agent/password.hpp"
#include "sending_room.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using Catch::Contains;
using Said = std::vector<std::string>;
using Kind = store::Queued::Kind;

namespace {

test::TestRoom::Domains domains() {
    SystemRandom random;
    static const std::string secret = "password = \"" + *hash_password("secret", random) + "\"\n";
    return {{"example.com",
             "[default]\naction = \"deliver\"\n" + secret + "elsewhere = [\"carol\"]\n[mailbox.anne]\n" +
                 secret + "[mailbox.bob]\n" + secret +
                 "[alias]\ninfo = [\"anne\", \"bob@example.com\"]\nout = [\"x@far.example\"]\n"
                 "[bouncer.john]\n"},
            {"gone.example", "[default]\naction = \"reject\"\n" + secret}};
}

struct Post : test::SendingRoom {
    Logins logins{room.clock};
    Allowance allowance;
    Submission submission{room.room, logins, allowance, room.client};

    Post() : SendingRoom(domains()) { submission.answer(smtp::MayConnect()); }

    std::string log_in(const std::string& login, const std::string& password = "secret") {
        const auto reply = submission.answer(smtp::MayLogin{login, password}).replies.at(0);
        if (reply.positive()) room.client.login = login;
        return test::TestRoom::shown(reply);
    }
    std::string from(const std::string& sender) {
        smtp::MayFrom question;
        if (!sender.empty()) question.sender.address = *mail::Address::parse_sender(sender);
        return test::TestRoom::shown(submission.answer(question).replies.at(0));
    }
    Said send(const std::string& sender, const std::vector<std::string>& recipients,
              const std::string& content = "Subject: x\r\n\r\nbody\r\n") {
        mail::Envelope envelope;
        if (!sender.empty()) envelope.sender.address = *mail::Address::parse_sender(sender);
        Said said;
        auto reply = submission.answer(smtp::MayFrom{envelope.sender}).replies.at(0);
        if (!reply.positive()) return {test::TestRoom::shown(reply)};
        for (const std::string& text : recipients) {
            const mail::Recipient recipient{*mail::Address::parse_recipient(text), {}, {}};
            reply = submission.answer(smtp::MayTo{&envelope.sender, recipient, 0}).replies.at(0);
            said.push_back(test::TestRoom::shown(reply));
            if (reply.positive()) envelope.recipients.push_back(recipient);
        }
        if (envelope.recipients.empty()) return said;
        reply = submission.answer(smtp::Commit{std::move(envelope), content}).replies.at(0);
        said.push_back(test::TestRoom::shown(reply));
        return said;
    }
};

}  // namespace

TEST_CASE("A user logs in with the password of their mailbox") {
    Post post;
    CHECK(post.log_in("anne@example.com", "wrong") == "535 5.7.8");
    CHECK(post.log_in("nobody@example.com") == "535 5.7.8");
    CHECK(post.log_in("anne@example.com") == "235 2.7.0");
    CHECK(post.log_in("example.com") == "235 2.7.0");
    // Kept until it is emptied, but nobody writes from it.
    CHECK(post.log_in("gone.example") == "535 5.7.8");
}

TEST_CASE("A user writes in the names that lead to them, and in no other") {
    Post post;
    REQUIRE(post.log_in("anne@example.com") == "235 2.7.0");
    for (const char* theirs : {"anne@example.com", "ANNE@Example.com", "anne+news@example.com",
                               "info@example.com", "info+x@example.com", ""})
        CHECK(post.from(theirs) == "250 2.1.0");
    for (const char* others : {"bob@example.com", "john@example.com", "zzz@example.com",
                               "out@example.com", "carol@example.com", "anne@far.example",
                               "anne@gone.example"})
        CHECK(post.from(others) == "553 5.7.1");
    REQUIRE(post.log_in("example.com") == "235 2.7.0");
    CHECK(post.from("whatever@example.com") == "250 2.1.0");
    CHECK(post.from("anne@example.com") == "553 5.7.1");
    CHECK(post.from("info@example.com") == "553 5.7.1");
}

TEST_CASE("Who is here gets it at once, who is elsewhere by one message in the queue") {
    Post post;
    REQUIRE(post.log_in("anne@example.com") == "235 2.7.0");
    CHECK(post.send("anne@example.com",
                    {"bob@example.com", "x@far.example", "y@other.example", "carol@example.com",
                     "X@far.example", "john@example.com"}) ==
          Said{"250 2.1.5", "250 2.1.5", "250 2.1.5", "250 2.1.5", "250 2.1.5", "550 5.1.1",
               "250 2.0.0"});
    REQUIRE(post.queued.size() == 1);
    const store::Queued& envelope = post.queued[0];
    CHECK(envelope.kind == Kind::submission);
    CHECK(envelope.authenticated);
    CHECK(envelope.sender.text() == "anne@example.com");
    REQUIRE(envelope.owed.size() == 4);  // the local part's case is the recipient's own business
    CHECK(envelope.owed[2].recipient.address.given() == "carol@example.com");
    const auto bobs = post.in("example.com/bob");
    REQUIRE(bobs.size() == 1);
    CHECK_THAT(bobs[0], Catch::StartsWith("Return-Path: <anne@example.com>\r\nX-Rcpt-To: bob@"));
    const auto sent = post.in("queue");
    REQUIRE(sent.size() == 1);
    CHECK_THAT(sent[0], Catch::StartsWith("Received: "));
    CHECK_THAT(sent[0], Contains("with ESMTPA"));
    CHECK_THAT(sent[0], !Contains("Rcpt"));
}

TEST_CASE("Date and Message-ID are added where they are missing, and Bcc goes") {
    Post post;
    REQUIRE(post.log_in("anne@example.com") == "235 2.7.0");
    post.send("anne@example.com", {"x@far.example"},
              "Subject: x\r\nBCC: secret@far.example,\r\n\tother@far.example\r\n"
              "Resent-Bcc: third@far.example\r\n\r\nBcc: body\r\n");
    const std::string text = post.in("queue").at(0);
    CHECK_THAT(text, Contains("\r\nDate: Mon, 23 Nov 2026 "));
    CHECK_THAT(text, Contains("@mail.example.com>\r\nSubject: x\r\n\r\nBcc: body\r\n"));
    CHECK_THAT(text, !Contains("far.example\r\nSubject"));
    CHECK_THAT(text, !Contains("secret"));
    CHECK_THAT(text, !Contains("third"));
}

TEST_CASE("A message that lacks nothing is sent octet for octet") {
    Post post;
    REQUIRE(post.log_in("anne@example.com") == "235 2.7.0");
    const std::string whole = "DATE: x\r\nFrom: Somebody <else@far.example>\r\nmessage-id: <y>\r\n\r\n.\r\n";
    post.send("anne@example.com", {"x@far.example"}, whole);
    const std::string text = post.in("queue").at(0);
    CHECK(text.substr(text.find("\r\nDATE") + 2) == whole);
}

TEST_CASE("A crash leaves both the local copy and the queue's, or neither") {
    // The copies go through one commit; what that promises is tested with the store.
    Post post;
    REQUIRE(post.log_in("anne@example.com") == "235 2.7.0");
    post.room.room.outgoing = nullptr;
    CHECK(post.send("anne@example.com", {"x@far.example"}) == Said{"451 4.3.5"});
    CHECK(post.send("anne@example.com", {"bob@example.com"}) == Said{"250 2.1.5", "250 2.0.0"});
}

TEST_CASE("A user writes to as many in an hour as the limits say") {
    Allowance allowance;
    Instant now = Instant() + std::chrono::hours(10);
    for (int i = 0; i < 5; ++i) {
        CHECK(allowance.take("anne", 5, now));
        now += std::chrono::minutes(10);
    }
    CHECK(!allowance.take("anne", 5, now));
    CHECK(allowance.take("bob", 5, now));
    CHECK(allowance.take("anne", 0, now));
    now += std::chrono::minutes(10);  // an hour after the first
    CHECK(allowance.take("anne", 5, now));
    CHECK(!allowance.take("anne", 5, now));
    now += std::chrono::hours(2);
    for (int i = 0; i < 5; ++i) CHECK(allowance.take("anne", 5, now));
    CHECK(!allowance.take("anne", 5, now));
}

TEST_CASE("Beyond the limit the answer is: not now") {
    Post post;
    auto server = *post.room.room.snapshot.server;
    server.limits.recipients_per_hour = 2;
    post.room.room.snapshot.server = std::make_shared<const config::Server>(server);
    REQUIRE(post.log_in("anne@example.com") == "235 2.7.0");
    CHECK(post.send("anne@example.com", {"bob@example.com", "x@far.example", "y@far.example"}) ==
          Said{"250 2.1.5", "250 2.1.5", "450 4.7.1", "250 2.0.0"});
}
