#include "agent/bounce.hpp"

#include <catch2/catch.hpp>

#include "mailroom.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using Catch::Contains;
using Action = mail::DsnAction;
using Kind = store::Queued::Kind;

namespace {

mail::Address address(std::string_view text) { return mail::Address::parse_sender(text).value(); }

const std::string plain = "Message-ID: <1@their.example>\r\nSubject: Hello\r\n\r\nbody\r\n";

store::Queued forwarded(std::string sender = "anne@their.example") {
    store::Queued message;
    message.original_sender = std::move(sender);
    message.authenticated = true;
    message.owed.push_back({{address("bob@elsewhere.example"), {}, {}},
                            "carol@ours.example",
                            "550 5.1.1 <bob@elsewhere.example> is unknown",
                            false});
    return message;
}

struct Desk {
    test::StillClock clock;
    store::UniqueNames names{clock, "mx", 7};
    Bounces bounces;

    explicit Desk(BounceBudget::Limits limits = {}) : bounces(names, clock, limits) {}

    std::variant<Report, Untold> ask(const store::Queued& message, std::string_view header = plain,
                                     Action action = Action::failed) {
        return bounces.about({message, message.owed, header, action, clock.wall()},
                             "mail.ours.example");
    }
    // "told", "held: …" or "dropped: …".
    std::string said(const store::Queued& message, std::string_view header = plain,
                     Action action = Action::failed) {
        const auto answer = ask(message, header, action);
        if (std::holds_alternative<Report>(answer)) return "told";
        const auto& untold = std::get<Untold>(answer);
        return (untold.hold ? "held: " : "dropped: ") + untold.why;
    }
};

}  // namespace

TEST_CASE("A sender is told of a forward that failed, and never where it went") {
    Desk desk;
    const auto report = std::get<Report>(desk.ask(forwarded()));
    CHECK_THAT(report.octets, Contains("To: <anne@their.example>\r\n"));
    CHECK_THAT(report.octets, Contains("Final-Recipient: rfc822;carol@ours.example\r\n"));
    CHECK_THAT(report.octets,
               Contains("Diagnostic-Code: smtp; 550 5.1.1 <carol@ours.example> is unknown"));
    CHECK_THAT(report.octets, !Contains("bob"));
    CHECK_THAT(report.octets, !Contains("elsewhere"));
    CHECK_THAT(report.octets, !Contains("body"));
    const store::Queued& envelope = report.envelope;
    CHECK(envelope.kind == Kind::bounce);
    CHECK_FALSE(envelope.sender.address);
    CHECK(envelope.original_sender.empty());
    REQUIRE(envelope.owed.size() == 1);
    CHECK(envelope.owed[0].recipient.address.given() == "anne@their.example");
    CHECK(envelope.owed[0].recipient.notify.never);
}

TEST_CASE("Whoever must not be told is not, and the message is not lost for that") {
    Desk desk;
    CHECK(desk.said(forwarded("")) == "held: its sender is the null one");
    CHECK(desk.said(forwarded("not an address")) == "held: its Return-Path is no address");
    CHECK(desk.said(forwarded("MAILER-DAEMON@x.example")) == "held: its sender is an automaton");
    CHECK(desk.said(forwarded(), "List-Id: <l.x.example>\r\n\r\n") ==
          "held: it is a list's, by its List-Id");
    CHECK(desk.said(forwarded(), "Precedence: bulk\r\n\r\n") == "held: its Precedence is bulk");
    CHECK(desk.said(forwarded(), "Auto-Submitted: auto-replied\r\n\r\n") ==
          "held: it is Auto-Submitted: auto-replied");
    CHECK(desk.said(forwarded(), "Auto-Submitted: no\r\n\r\n") == "told");
    auto message = forwarded();
    message.authenticated = false;
    CHECK(desk.said(message) == "held: its sender is not authenticated");
    message = forwarded("");
    message.kind = Kind::bounce;
    CHECK(desk.said(message) == "dropped: it is a bounce itself");
    message.kind = Kind::relay;
    CHECK(desk.said(message) == "dropped: its sender is the null one");
    CHECK(desk.said(forwarded(""), plain, Action::delayed) ==
          "dropped: its sender is the null one");
}

TEST_CASE("NOTIFY is obeyed for each recipient by itself") {
    Desk desk;
    auto message = forwarded();
    message.owed.push_back(message.owed.front());
    message.owed[1].original = "dora@ours.example";
    auto& notify = message.owed[0].recipient.notify;
    notify.given = notify.never = true;
    const auto report = std::get<Report>(desk.ask(message));
    CHECK_THAT(report.octets, Contains("dora@ours.example"));
    CHECK_THAT(report.octets, !Contains("Final-Recipient: rfc822;carol@ours.example"));
    message.owed.pop_back();
    CHECK(desk.said(message) == "dropped: its sender asked not to be told");
    notify.never = false, notify.failure = true;
    CHECK(desk.said(message) == "told");
    CHECK(desk.said(message, plain, Action::delayed) == "dropped: its sender asked not to be told");
}

TEST_CASE("The budget is kept for one sender, for forged ones and for all, within any hour") {
    Desk desk({5, 3, 2});
    const auto to = [](std::string sender, bool authenticated) {
        auto message = forwarded(std::move(sender));
        message.authenticated = authenticated;
        message.kind = Kind::submission;
        return message;
    };
    CHECK(desk.said(to("a@x.example", false)) == "told");
    desk.clock.pass(std::chrono::minutes(30));
    CHECK(desk.said(to("A@X.example", false)) == "told");
    CHECK(desk.said(to("a@x.example", true)) ==
          "held: its sender got 2 bounces within the last hour");
    CHECK(desk.said(to("b@x.example", false)) == "told");
    CHECK_THAT(desk.said(to("c@x.example", false)), Contains("who may be forged"));
    CHECK(desk.said(to("c@x.example", true)) == "told");
    CHECK(desk.said(to("d@x.example", true)) == "told");
    CHECK(desk.said(to("e@x.example", true)) == "held: 5 bounces went out within the last hour");
    desk.clock.pass(std::chrono::minutes(30));
    CHECK(desk.said(to("a@x.example", true)) == "told");  // the first has left the hour
    CHECK(desk.said(to("e@x.example", true)) == "held: 5 bounces went out within the last hour");
}
