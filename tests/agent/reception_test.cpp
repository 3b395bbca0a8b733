// What a reception promises about mail it has taken: stamped, all copies or none, loops and quotas.
#include <catch2/catch.hpp>

#include "mailroom.hpp"
#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using test::ForgetfulDisk;
using test::Mail;
using test::TestRoom;
using Replies = std::vector<std::string>;

namespace {

const TestRoom::Domains domains = {
    {"example.com",
     "[default]\naction = \"deliver\"\n[mailbox.anne]\n[mailbox.bob]\nquota = \"2 kB\"\n"
     "[alias]\ninfo = [\"anne\", \"bob\"]\n[bouncer.john]\ntext = \"gone\"\n"},
    {"one.example", "[default]\naction = \"deliver\"\ncopies = \"one\"\n[mailbox.anne]\n"},
    {"full.example", "[default]\naction = \"deliver\"\nquota = \"2 kB\"\n"},
};

const std::string plain = "Subject: hello\r\n\r\nbody\r\n";

struct Scene {
    ForgetfulDisk disk;
    TestRoom room{disk, domains};

    Replies deliver(Mail mail, bool lmtp = false) { return room.deliver(mail, lmtp); }
    // The one message of a mailbox.
    std::string only(const std::string& mailbox) {
        const auto all = test::visible(disk.files());
        REQUIRE(all.count(mailbox) == 1);
        return all.find(mailbox)->second;
    }
    std::size_t count(const std::string& mailbox) {
        return test::visible(disk.files()).count(mailbox);
    }
    std::size_t count() { return test::visible(disk.files()).size(); }
};

std::size_t times(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
    return found;
}

bool ends_in(const std::string& text, const std::string& end) { return text.ends_with(end); }

}  // namespace

TEST_CASE("A copy begins with its stamp and is otherwise octet for octet what was sent") {
    Scene scene;
    const std::string odd = "Subject: \xff\r\nX-Nul: a\0b\r\n\r\n.\r\n..\r\nlast line without end";
    CHECK(scene.deliver({.recipients = {"Zzz+Tag@Example.COM"}, .content = odd}) ==
          Replies{"250 2.1.5", "250 2.0.0"});
    const std::string text = scene.only("example.com/@default");
    CHECK(text.starts_with("Return-Path: <a@client.example>\r\nX-Rcpt-To: Zzz+Tag@Example.COM\r\n"
                           "X-POP3-Rcpt: Zzz+Tag@Example.COM\r\n"
                           "Delivered-To: zzz+tag@example.com\r\nReceived: from client.example"));
    CHECK(text.find("for <Zzz+Tag@Example.COM>") != text.npos);
    CHECK(ends_in(text, "\r\n" + odd));
}

TEST_CASE("Delivered-To quotes what is an address only in quotes, and such a message is known again") {
    for (const std::string local : {"\"john smith\"", "\"a,b\"", "\"a@b\"", "\"a\\\"b\"", "a..b"}) {
        INFO(local);
        Scene scene;
        const std::string to = local + "@example.com";
        CHECK(scene.deliver({.recipients = {to}, .content = plain}) ==
              Replies{"250 2.1.5", "250 2.0.0"});
        const std::string text = scene.only("example.com/@default");
        const auto at = text.find("Delivered-To: ") + 14;
        const auto named = mail::Address::parse(text.substr(at, text.find("\r\n", at) - at));
        REQUIRE(named);
        CHECK(*named == mail::Address::parse(to).value());
        CHECK(scene.deliver({.recipients = {to}, .content = text}) ==
              Replies{"250 2.1.5", "554 5.4.6"});
    }
}

TEST_CASE("Each recipient gets a copy of their own that names nobody else") {
    Scene scene;
    CHECK(scene.deliver({.recipients = {"anne@example.com", "secret@example.com", "john@example.com",
                                        "x@nowhere.example"},
                         .content = plain}) ==
          Replies{"250 2.1.5", "250 2.1.5", "550 5.1.1", "550 5.7.1", "250 2.0.0"});
    const std::string anne = scene.only("example.com/anne");
    CHECK(anne.find("secret") == anne.npos);
    CHECK(anne.find(" for ") == anne.npos);
    CHECK(scene.only("example.com/@default").find("anne") == std::string::npos);
    CHECK(scene.count() == 2);
}

TEST_CASE("Two addresses that end in one mailbox are two copies, the same address twice is one") {
    Scene scene;
    CHECK(scene.deliver({.recipients = {"x@example.com", "y@example.com", "X@example.com"},
                         .content = plain}) ==
          Replies{"250 2.1.5", "250 2.1.5", "250 2.1.5", "250 2.0.0"});
    CHECK(scene.count("example.com/@default") == 2);
}

TEST_CASE("By LMTP the same address twice is one copy and two replies") {
    Scene scene;
    CHECK(scene.deliver({.recipients = {"x@example.com", "x@example.com"}, .content = plain}, true) ==
          Replies{"250 2.1.5", "250 2.1.5", "250 2.0.0", "250 2.0.0"});
    CHECK(scene.count() == 1);
}

TEST_CASE("An alias puts one copy into each of its mailboxes, under the address as given") {
    Scene scene;
    CHECK(scene.deliver({.recipients = {"info@example.com"}, .content = plain}) ==
          Replies{"250 2.1.5", "250 2.0.0"});
    for (const std::string name : {"anne", "bob"}) {
        const std::string text = scene.only("example.com/" + name);
        CHECK(text.find("X-Rcpt-To: info@example.com\r\n") != text.npos);
        CHECK(text.find("Delivered-To: " + name + "@example.com\r\n") != text.npos);
    }
}

TEST_CASE("With copies one, a mailbox gets one file that names all its recipients") {
    Scene scene;
    CHECK(scene.deliver({.recipients = {"x@one.example", "anne@one.example", "Y@one.example"},
                         .content = plain}) ==
          Replies{"250 2.1.5", "250 2.1.5", "250 2.1.5", "250 2.0.0"});
    const std::string text = scene.only("one.example/@default");
    CHECK(text.find("X-Rcpt-To: x@one.example, Y@one.example\r\n") != text.npos);
    CHECK(text.find("X-POP3-Rcpt: x@one.example, Y@one.example\r\n") != text.npos);
    CHECK(text.find("Delivered-To") == text.npos);
    CHECK(text.find("anne") == text.npos);
    CHECK(scene.count("one.example/anne") == 1);
}

TEST_CASE("Forged stamps go, whatever their case, folding or place, and nothing else does") {
    Scene scene;
    const std::string forged =
        "X-RCPT-TO: evil@example.com\r\nReceived: from a by b; today\r\n"
        "x-pop3-rcpt :\r\n\tevil@example.com,\r\n  worse@example.com\r\nReturn-Path: <evil@x>\r\n"
        "X-Rcpt-To-Not: stays\r\nDelivered-To: other@example.net\r\nX-Rcpt-To: evil@example.com\r\n"
        "\r\nX-Rcpt-To: in the body\r\n";
    REQUIRE(scene.deliver({.recipients = {"zzz@example.com"}, .content = forged}).back() ==
            "250 2.0.0");
    const std::string text = scene.only("example.com/@default");
    CHECK(text.find("evil") == text.npos);
    CHECK(text.find("worse") == text.npos);
    CHECK(times(text, "Return-Path:") == 1);
    CHECK(ends_in(text, "Received: from a by b; today\r\nX-Rcpt-To-Not: stays\r\n"
                        "Delivered-To: other@example.net\r\n\r\nX-Rcpt-To: in the body\r\n"));
}

TEST_CASE("More than a hundred Received lines are a loop") {
    const auto hops = [](int count) {
        std::string header;
        for (int i = 0; i < count; ++i) header += "Received: from a by b; today\r\n";
        return header + plain;
    };
    Scene scene;
    CHECK(scene.deliver({.recipients = {"x@example.com"}, .content = hops(100)}).back() ==
          "250 2.0.0");
    CHECK(scene.deliver({.recipients = {"x@example.com"}, .content = hops(101)}).back() ==
          "554 5.4.6");
    CHECK(scene.deliver({.recipients = {"x@example.com", "y@example.com"}, .content = hops(101)},
                        true) == Replies{"250 2.1.5", "250 2.1.5", "554 5.4.6", "554 5.4.6"});
    CHECK(scene.count() == 1);
}

TEST_CASE("What comes back with our Delivered-To is refused for that recipient only") {
    const std::string back = "Delivered-To: ANNE@example.com\r\n" + plain;
    Scene scene;
    CHECK(scene.deliver({.recipients = {"anne+tag@example.com"}, .content = back}).back() ==
          "554 5.4.6");
    CHECK(scene.count() == 0);
    CHECK(scene.deliver({.recipients = {"anne@example.com", "zzz@example.com"}, .content = back}) ==
          Replies{"250 2.1.5", "250 2.1.5", "250 2.0.0"});
    CHECK(scene.count("example.com/anne") == 0);
    CHECK(scene.count("example.com/@default") == 1);
    CHECK(scene.deliver({.recipients = {"anne@example.com", "yyy@example.com"}, .content = back},
                        true) == Replies{"250 2.1.5", "250 2.1.5", "554 5.4.6", "250 2.0.0"});
    CHECK(scene.count("example.com/@default") == 2);
}

TEST_CASE("A full mailbox is told at RCPT where SIZE says so, and at the end of DATA otherwise") {
    Scene scene;
    const std::string large = plain + std::string(1500, 'x') + "\r\n";
    CHECK(scene.deliver({.recipients = {"a@full.example"}, .content = large}).back() == "250 2.0.0");
    CHECK(scene.deliver({.recipients = {"b@full.example"}, .content = large, .size = large.size()}) ==
          Replies{"452 4.2.2"});
    CHECK(scene.deliver({.recipients = {"b@full.example"}, .content = large}) ==
          Replies{"250 2.1.5", "452 4.2.2"});
    CHECK(scene.count() == 1);
}

TEST_CASE("Several copies of one message count together against their mailbox's quota") {
    Scene scene;
    const std::string large = plain + std::string(1100, 'x') + "\r\n";
    CHECK(scene.deliver({.recipients = {"a@full.example", "b@full.example"}, .content = large})
              .back() == "452 4.2.2");
    CHECK(scene.count() == 0);
    CHECK(scene.deliver({.recipients = {"a@full.example"}, .content = large}).back() == "250 2.0.0");
}

TEST_CASE("By LMTP only the recipient whose mailbox is full is told so") {
    Scene scene;
    const std::string large = plain + std::string(2500, 'x') + "\r\n";
    CHECK(scene.deliver({.recipients = {"a@full.example", "anne@example.com"}, .content = large},
                        true) == Replies{"250 2.1.5", "250 2.1.5", "452 4.2.2", "250 2.0.0"});
    CHECK(scene.count("full.example/@default") == 0);
    CHECK(scene.count("example.com/anne") == 1);
}

TEST_CASE("A large message is whole wherever its header ends") {
    const std::string forged = "X-Rcpt-To: evil@example.com\r\n";
    const std::string filler = "X-Filler: " + std::string(990, 'f') + "\r\n";
    const std::string body = "\r\n" + std::string(5000, 'b') + "\r\n.\r\nX-Rcpt-To: body\r\n";
    for (const std::size_t fillers : {0, 1, 3, 9}) {
        std::string header;
        for (std::size_t i = 0; i < fillers; ++i) header += filler;
        const std::string kept = header + "Subject: s\r\n" + body;
        for (const std::size_t block : {500u, 997u, 4096u, 20000u}) {
            INFO(fillers << " lines before, blocks of " << block);
            Scene scene;
            REQUIRE(scene.deliver({.recipients = {"zzz@example.com", "anne@example.com"},
                                   .content = header + forged + "Subject: s\r\n" + body,
                                   .block = block}).back() == "250 2.0.0");
            CHECK(ends_in(scene.only("example.com/@default"), "\r\n" + kept));
            CHECK(ends_in(scene.only("example.com/anne"), "\r\n" + kept));
            CHECK(scene.only("example.com/anne").find("evil") == std::string::npos);
        }
    }
}

TEST_CASE("A header that never ends is a message, one beyond a megabyte is refused") {
    const std::string line = "X-Line: " + std::string(1000, 'l') + "\r\n";
    std::string endless;
    while (endless.size() < 100'000) endless += line;
    Scene scene;
    CHECK(scene.deliver({.recipients = {"x@example.com"}, .content = endless, .block = 4096})
              .back() == "250 2.0.0");
    CHECK(ends_in(scene.only("example.com/@default"), "\r\n" + endless));
    while (endless.size() < mail::longest_header + 200'000) endless += line;
    for (const std::size_t block : {0u, 131'072u, 1'000'000u}) {
        INFO("blocks of " << block);
        CHECK(scene.deliver({.recipients = {"x@example.com"}, .content = endless, .block = block})
                  .back() == "554 5.6.0");
    }
    CHECK(scene.count() == 1);
}

TEST_CASE("A transaction keeps the configuration it began with") {
    Scene scene;
    agent::Reception reception(scene.room.room, scene.room.client, smtp::Service::mx);
    mail::Sender sender;
    reception.answer(smtp::MayFrom{sender});
    scene.room.room.snapshot.directory = route::Directory();
    const smtp::MayTo to{&sender, {*mail::Address::parse("anne@example.com"), {}, {}}, 0};
    CHECK(reception.answer(to).replies.front().code == 250);
    reception.answer(smtp::Discard());
    reception.answer(smtp::MayFrom{sender});
    CHECK(reception.answer(to).replies.front().code == 550);
}

TEST_CASE("A clock that is a day off takes mail, and gives no name twice") {
    Scene scene;
    const WallTime now = scene.room.clock.wall();
    for (const auto skew : {std::chrono::hours(0), std::chrono::hours(-24), std::chrono::hours(24),
                            std::chrono::hours(0)}) {
        scene.room.clock.set_wall(now + skew);
        CHECK(scene.deliver({.recipients = {"x@example.com"}, .content = plain}).back() ==
              "250 2.0.0");
    }
    CHECK(scene.count() == 4);
}

TEST_CASE("A message that was not finished leaves nothing, and the next one is whole") {
    Scene scene;
    agent::Reception reception(scene.room.room, scene.room.client, smtp::Service::mx);
    mail::Envelope envelope;
    reception.answer(smtp::MayFrom{envelope.sender});
    envelope.recipients = {{*mail::Address::parse("anne@example.com"), {}, {}}};
    const smtp::MayTo to{&envelope.sender, envelope.recipients[0], 0};
    reception.answer(to);
    reception.answer(smtp::Spill{plain + std::string(1000, 'x')});
    reception.answer(smtp::Discard());
    CHECK(scene.disk.files().empty());
    reception.answer(smtp::MayFrom{envelope.sender});
    reception.answer(to);
    CHECK(reception.answer(smtp::Commit{envelope, plain}).replies.front().code == 250);
    CHECK(ends_in(scene.only("example.com/anne"), "\r\n" + plain));
}
