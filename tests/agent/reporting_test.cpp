// Trouble with queued mail, up to the report in the queue or the copy in the held area.
#include "agent/reporting.hpp"

#include <catch2/catch.hpp>

#include "mailroom.hpp"
#include "store/held.hpp"
#include "support/queued_octets.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using Catch::Contains;
using Kind = store::Queued::Kind;

namespace {

mail::Address address(std::string_view text) { return mail::Address::parse_sender(text).value(); }

const std::string message = "Subject: x\r\n\r\nTHE CONTENT\r\n";

struct Desk {
    test::TemporaryDirectory place;
    std::unique_ptr<disk::Disk> disk = disk::system_disk();
    store::Layout layout{place.path()};
    test::StillClock clock;
    store::UniqueNames names{clock, "mx", 7};
    store::Spool spool{*disk, layout, clock, "n"};
    Bounces bounces{names, clock};
    std::vector<std::string> told;
    Reporting reporting{*disk, layout, spool, bounces, clock,
                        [this](const std::string& id) { told.push_back(id); }, Log()};

    Trouble trouble(Kind kind, bool authenticated, std::string sender = "anne@their.example") {
        Trouble trouble;
        store::Queued& envelope = trouble.envelope;
        envelope.kind = kind;
        envelope.original_sender = std::move(sender);
        envelope.authenticated = authenticated;
        envelope.owed.push_back({{address("bob@elsewhere.example"), {}, {}}, "carol@ours.example",
                                 "550 5.1.1 No", false});
        const std::string_view part = message;
        envelope.id = spool.add(envelope, std::span(&part, 1)).value();
        envelope.size = message.size();
        trouble.hostname = "mail.ours.example";
        return trouble;
    }
    std::vector<store::HeldNote> held() {
        std::vector<store::HeldNote> notes;
        CHECK(store::Held(*disk, layout).each([&](const store::HeldNote& note) {
            notes.push_back(note);
            return true;
        }));
        return notes;
    }
    std::string report() {
        if (told.size() != 1) return std::to_string(told.size()) + " reports";
        return test::queued_octets(spool, told[0]);
    }
};

}  // namespace

TEST_CASE("A report goes into the queue, to the sender, and nothing is held") {
    Desk desk;
    REQUIRE(desk.reporting.failed(desk.trouble(Kind::forward, true)));
    CHECK_THAT(desk.report(), Contains("Final-Recipient: rfc822;carol@ours.example\r\n"));
    CHECK_THAT(desk.report(), !Contains("elsewhere"));
    CHECK_THAT(desk.report(), !Contains("THE CONTENT"));
    const auto queued = desk.spool.load(desk.told.at(0)).value();
    CHECK(queued.owed.at(0).recipient.address.given() == "anne@their.example");
    CHECK_FALSE(queued.sender.address);
    CHECK(desk.held().empty());
    // And that report is nobody's to be told of.
    Trouble again{queued, mail::DsnAction::failed, false, {}, "mail.ours.example"};
    again.envelope.owed[0].last_reply = "550 no";
    REQUIRE(desk.reporting.failed(again));
    CHECK(desk.told.size() == 1);
    CHECK(desk.held().empty());
}

TEST_CASE("What a sender may not be told of is held with its reason, once") {
    Desk desk;
    const Trouble trouble = desk.trouble(Kind::forward, false);
    REQUIRE(desk.reporting.failed(trouble));
    REQUIRE(desk.reporting.failed(trouble));  // the queue did not know
    CHECK(desk.told.empty());
    REQUIRE(desk.held().size() == 1);
    const store::HeldNote note = desk.held()[0];
    CHECK(note.reason == "undeliverable");
    CHECK(note.recipient == "carol@ours.example");
    CHECK(note.to == "bob@elsewhere.example");
    CHECK(note.text == "550 5.1.1 No (not bounced: its sender is not authenticated)");
}

TEST_CASE("The content goes back to who wrote it and wants it, and to nobody else") {
    for (const bool genuine : {true, false})
        for (const auto ret : {mail::Ret::full, mail::Ret::headers, mail::Ret::unspecified}) {
            Desk desk;
            Trouble trouble = desk.trouble(Kind::submission, genuine);
            trouble.envelope.sender.ret = ret;
            REQUIRE(desk.reporting.failed(trouble));
            const bool shown = desk.report().find("THE CONTENT") != std::string::npos;
            CHECK(shown == (genuine && ret == mail::Ret::full));
        }
}

TEST_CASE("Of what is late or relayed nobody is told who may not be, and nothing is held") {
    for (const auto action : {mail::DsnAction::delayed, mail::DsnAction::relayed})
        for (const bool genuine : {true, false}) {
            Desk desk;
            Trouble trouble = desk.trouble(Kind::forward, genuine);
            trouble.action = action;
            auto& notify = trouble.envelope.owed[0].recipient.notify;
            notify.given = notify.success = notify.delay = true;
            desk.reporting.tell(trouble);
            CHECK(desk.told.size() == (genuine ? 1 : 0));
            CHECK(desk.held().empty());
            if (genuine)
                CHECK_THAT(desk.report(), Contains("Action: " + std::string(name(action))));
        }
}
