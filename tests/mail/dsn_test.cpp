#include "mail/dsn.hpp"

#include <catch2/catch.hpp>

#include "mail/dsn_text.hpp"
#include "mail/dsn_words.hpp"

using namespace mailhandler;
using namespace mailhandler::mail;
using Catch::Contains;

namespace {

const std::string header =
    "Received: from a by b; Mon, 23 Nov 2026 05:00:00 +0000\r\n"
    "Message-ID: <1@their.example>\r\nSubject: The minutes\r\nTo: carol@ours.example\r\n\r\n"
    "The content of the message.\r\n";

Address address(std::string_view text) { return Address::parse_sender(text).value(); }

Dsn made(std::string reply = "550 5.1.1 No such person here") {
    Dsn dsn;
    dsn.hostname = "mail.ours.example";
    dsn.id = "1795411214.1";
    dsn.to = address("anne@their.example");
    dsn.header = header;
    dsn.arrived = WallTime(std::chrono::seconds(1'795'411'214));
    dsn.now = dsn.arrived + std::chrono::hours(1);
    dsn.until = dsn.arrived + std::chrono::hours(120);
    dsn.recipients.push_back({{address("carol@ours.example"), {}, {}}, {}, std::move(reply), {}});
    return dsn;
}

}  // namespace

TEST_CASE("A report has words, fields and the header of the message") {
    Dsn dsn = made();
    dsn.envid = "QQ314159";
    dsn.recipients[0].asked.orcpt = "rfc822;carol+2Bx@ours.example";
    dsn.recipients[0].remote = "mx.ours.example";
    const std::string date = rfc5322_date(dsn.arrived), now = rfc5322_date(dsn.now);
    const auto [octets, smtputf8, eight_bit] = compose(dsn);
    CHECK_FALSE(smtputf8);
    CHECK_FALSE(eight_bit);
    CHECK(octets ==
          "Date: " + now +
              "\r\n"
              "From: Mail delivery <MAILER-DAEMON@mail.ours.example>\r\n"
              "To: <anne@their.example>\r\n"
              "Subject: Your message could not be delivered\r\n"
              "Message-ID: <1795411214.1@mail.ours.example>\r\n"
              "In-Reply-To: <1@their.example>\r\n"
              "References: <1@their.example>\r\n"
              "Auto-Submitted: auto-replied\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: multipart/report; report-type=delivery-status;\r\n"
              "\tboundary=\"=_1795411214.1\"\r\n"
              "\r\n"
              "--=_1795411214.1\r\n"
              "Content-Type: text/plain; charset=us-ascii\r\n"
              "\r\n"
              "This is the mail server mail.ours.example.\r\n"
              "\r\n" +
              wrapped("Your message \"The minutes\", of " + date + ", could not be delivered to:",
                      "") +
              "\r\n"
              "    carol@ours.example\r\n"
              "        There is no such address. Please check how it is spelt, or ask the\r\n"
              "        person another way.\r\n"
              "        mx.ours.example said: 550 5.1.1 No such person here\r\n"
              "\r\n"
              "It will not be tried again. Whoever is not named here is not concerned.\r\n"
              "\r\n"
              "--=_1795411214.1\r\n"
              "Content-Type: message/delivery-status\r\n"
              "\r\n"
              "Original-Envelope-Id: QQ314159\r\n"
              "Reporting-MTA: dns; mail.ours.example\r\n"
              "Arrival-Date: " +
              date +
              "\r\n"
              "\r\n"
              "Original-Recipient: rfc822;carol+x@ours.example\r\n"
              "Final-Recipient: rfc822;carol@ours.example\r\n"
              "Action: failed\r\n"
              "Status: 5.1.1\r\n"
              "Remote-MTA: dns; mx.ours.example\r\n"
              "Diagnostic-Code: smtp; 550 5.1.1 No such person here\r\n"
              "Last-Attempt-Date: " +
              now +
              "\r\n"
              "\r\n"
              "--=_1795411214.1\r\n"
              "Content-Type: text/rfc822-headers\r\n"
              "\r\n" +
              header.substr(0, header.find("\r\n\r\n") + 2) +
              "\r\n"
              "--=_1795411214.1--\r\n");
}

TEST_CASE("A delay notice says that nothing need be done, and until when it is tried") {
    Dsn dsn = made("450 4.2.0 Later");
    dsn.action = DsnAction::delayed;
    const std::string octets = compose(dsn).octets;
    CHECK_THAT(octets, Contains("Subject: Your message is delayed\r\n"));
    CHECK_THAT(octets, Contains("You need do nothing: it will be tried again until"));
    CHECK_THAT(octets, Contains("Action: delayed\r\nStatus: 4.2.0\r\n"));
    CHECK_THAT(octets, Contains("Will-Retry-Until: " + rfc5322_date(dsn.until) + "\r\n"));
}

TEST_CASE("Success is told without a word of trouble") {
    Dsn dsn = made("");
    dsn.action = DsnAction::delivered;
    const std::string delivered = compose(dsn).octets;
    CHECK_THAT(delivered, Contains("Subject: Your message was delivered\r\n"));
    CHECK_THAT(delivered, Contains("mailbox of:\r\n\r\n    carol@ours.example\r\n\r\nYou asked"));
    CHECK_THAT(delivered, Contains("Action: delivered\r\nStatus: 2.0.0\r\n\r\n"));
    CHECK_THAT(delivered, !Contains("Last-Attempt-Date"));
    CHECK_THAT(delivered, !Contains("accepted"));
    dsn.action = DsnAction::relayed;
    CHECK_THAT(compose(dsn).octets, Contains("Action: relayed\r\nStatus: 2.0.0\r\n\r\n"));
}

TEST_CASE("The whole message goes back where it is given and can go as it is") {
    Dsn dsn = made();
    dsn.content = header;
    auto composed = compose(dsn);
    CHECK_THAT(composed.octets, Contains("Content-Type: message/rfc822\r\n\r\n" + header));
    CHECK_FALSE(composed.eight_bit);
    const std::string umlaut = header + "\xc3\xbc\r\n";
    dsn.content = umlaut;
    composed = compose(dsn);
    CHECK_THAT(composed.octets, Contains("Content-Type: message/rfc822\r\n"
                                         "Content-Transfer-Encoding: 8bit\r\n\r\n" + umlaut));
    CHECK_THAT(composed.octets, Contains("boundary=\"=_1795411214.1\"\r\n"
                                         "Content-Transfer-Encoding: 8bit\r\n\r\n"));
    CHECK((composed.eight_bit && !composed.smtputf8));
    for (const std::string& unfit : {header + std::string(999, 'x') + "\r\n", header + '\0'}) {
        dsn.content = unfit;
        CHECK_THAT(compose(dsn).octets, Contains("Content-Type: text/rfc822-headers"));
    }
}

TEST_CASE("The status comes from the reply") {
    const auto failed = DsnAction::failed, delayed = DsnAction::delayed;
    CHECK(status_of("550 5.1.1 No", failed) == "5.1.1");
    CHECK(status_of("550-5.7.26 No", failed) == "5.7.26");
    CHECK(status_of("550 No", failed) == "5.0.0");
    CHECK(status_of("550 4.1.1 No", failed) == "5.0.0");
    CHECK(status_of("550 5.1 No", failed) == "5.0.0");
    CHECK(status_of("550 5.1.1.1 No", failed) == "5.0.0");
    CHECK(status_of("550 5..1 No", failed) == "5.0.0");
    CHECK(status_of("550 5.1111.1 No", failed) == "5.0.0");
    CHECK(status_of("450 4.2.0 No", failed) == "4.4.7");
    CHECK(status_of("450 4.2.0 No", delayed) == "4.2.0");
    CHECK(status_of("421 Busy", delayed) == "4.0.0");
    CHECK(status_of("no route to the host", failed) == "5.0.0");
    CHECK(status_of("", delayed) == "4.0.0");
    for (const std::string code : {"5.1.1", "5.1.9", "5.2.2", "5.3.4", "5.4.6", "5.7.1", "5.6.0"})
        CHECK(meaning(code) != meaning("5.0.0"));
    CHECK(meaning("5.1.10") != meaning("5.1.1"));
    CHECK(meaning("") == meaning("5.0.0"));
}

TEST_CASE("NOTIFY decides what is told") {
    const auto failed = DsnAction::failed, delayed = DsnAction::delayed;
    const auto notify = [](bool never, bool success, bool failure, bool delay) {
        return Notify{true, never, success, failure, delay};
    };
    CHECK(is_wanted({}, failed));
    CHECK(is_wanted({}, delayed));
    CHECK_FALSE(is_wanted({}, DsnAction::delivered));
    CHECK(is_wanted(notify(false, true, false, false), DsnAction::relayed));
    CHECK_FALSE(is_wanted(notify(false, false, true, true), DsnAction::delivered));
    CHECK_FALSE(is_wanted(notify(true, false, false, false), failed));
    CHECK_FALSE(is_wanted(notify(false, true, false, false), failed));
    CHECK(is_wanted(notify(false, false, true, false), failed));
    CHECK_FALSE(is_wanted(notify(false, false, true, false), delayed));
    CHECK(is_wanted(notify(false, false, false, true), delayed));
    CHECK_FALSE(is_wanted(notify(false, false, false, true), failed));
}

TEST_CASE("What is behind a forward is never told") {
    const Address target = address("Bob.Secret+in@mail.elsewhere.example");
    const Address asked = address("carol@ours.example");
    const auto said = [&](std::string_view reply) { return scrubbed(reply, target, asked); };
    CHECK(said("550 5.1.1 <bob.secret+in@mail.elsewhere.example>: unknown") ==
          "550 5.1.1 <carol@ours.example>: unknown");
    CHECK(said("550 5.1.1 User bob.secret has left") == "550 5.1.1 User (hidden) has left");
    CHECK(said("550 user=BOB.SECRET+in; see http://mail.elsewhere.example/why") ==
          "550 (hidden); see http:(hidden)");
    CHECK(said("450 mx1.mail.elsewhere.example: try later") == "450 (hidden): try later");
    CHECK(said("550 other@third.example is full") == "550 carol@ours.example is full");
    CHECK(said("550 5.7.1 Bobsled") == "550 5.7.1 Bobsled");
    CHECK(scrubbed("550 5.1.1 user 550", address("550@x.example"), asked) ==
          "550 5.1.1 user (hidden)");
    CHECK(scrubbed("550 5.1.1 \"the boss\"@x.example", address("\"the boss\"@x.example"), asked) ==
          "550 5.1.1 ");

    Dsn dsn = made("550 5.1.1 <bob.secret+in@mail.elsewhere.example> gone, says elsewhere.example");
    dsn.recipients[0].target = target;
    dsn.recipients[0].remote = "mx.mail.elsewhere.example";
    std::string octets = compose(dsn).octets;
    for (char& c : octets) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    CHECK_THAT(octets, !Contains("secret"));
    CHECK_THAT(octets, !Contains("mail.elsewhere"));
    CHECK_THAT(octets, Contains("diagnostic-code: smtp; 550 5.1.1 <carol@ours.example> gone"));
}

TEST_CASE("A report to an address of ASCII is ASCII, whatever it tells") {
    const std::string strange = std::string("Subject: gr\xc3\xbc\xc3\x9f\r\nX-Long: ") +
                                std::string(1200, 'x') + "\r\nX-Octets: \xff\x00\r\n\r\n";
    Dsn dsn = made("550 5.1.1 J\xc3\xbcrgen ist fort\r\nBcc: x@y.example");
    dsn.header = strange;
    dsn.recipients[0].asked.address = address("j\xc3\xbcrgen+x@ours.example");
    const auto [octets, smtputf8, eight_bit] = compose(dsn);
    CHECK_FALSE((smtputf8 || eight_bit));
    CHECK(is_seven_bit(octets));
    CHECK_THAT(octets, Contains("Final-Recipient: utf-8;j\\x{FC}rgen\\x{2B}x@ours.example\r\n"));
    CHECK_THAT(octets, Contains("Diagnostic-Code: smtp; 550 5.1.1 J?rgen ist fort? Bcc: x@y"));
    CHECK_THAT(octets, !Contains("\nBcc:"));
    CHECK_THAT(octets,
               Contains("charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
}

TEST_CASE("A report to an address beyond ASCII says everything in UTF-8") {
    const std::string utf8_header = "Subject: gr\xc3\xbc\xc3\x9f\x65\r\n\r\n";
    Dsn dsn = made();
    dsn.header = utf8_header;
    dsn.to = address("j\xc3\xbcrgen@their.example");
    dsn.recipients[0].asked.address = address("\xc3\xa9lise@ours.example");
    const auto [octets, smtputf8, eight_bit] = compose(dsn);
    CHECK((smtputf8 && eight_bit));
    CHECK_THAT(octets, Contains("report-type=global-delivery-status"));
    CHECK_THAT(octets, Contains("Content-Type: message/global-delivery-status\r\n"));
    CHECK_THAT(octets, Contains("Final-Recipient: utf-8;\xc3\xa9lise@ours.example\r\n"));
    CHECK_THAT(octets, Contains("Content-Type: message/global-headers\r\n"));
}

TEST_CASE("No line of the message ends the report") {
    const std::string hostile = "X-A: b\r\nSubject:\r\n --=_1795411214.1--\r\n\r\n";
    Dsn dsn = made();
    dsn.header = hostile;
    CHECK_THAT(compose(dsn).octets, Contains("boundary=\"=_1795411214.1_\""));
}

TEST_CASE("Quoted-printable keeps every octet and no long line") {
    CHECK(quoted_printable("a=b \r\n\tx\t\n\xc3\xbc") == "a=3Db=20\r\n\tx=09\r\n=C3=BC\r\n");
    const std::string coded =
        quoted_printable(std::string(200, 'y') + "\r\n" + std::string(76, 'z'));
    for (std::size_t from = 0; from < coded.size();) {
        const auto end = coded.find("\r\n", from);
        REQUIRE(end != coded.npos);
        CHECK(end - from <= 76);
        from = end + 2;
    }
    CHECK(quoted_printable("") == "");
}

TEST_CASE("Only well-formed UTF-8 counts as such") {
    CHECK(is_utf8("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"));
    for (const std::string bad :
         {"\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
          "\xf8\x88\x80\x80\x80", "\x80", "\xe2\x28\xa1"})
        CHECK_FALSE(is_utf8(bad));
}
