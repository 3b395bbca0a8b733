// What is put into nobody's mailbox: what is held and why, what has to wait on its server, and
// poison.
#include <catch2/catch.hpp>

#include "collected_mail.hpp"
#include "mail/stamp.hpp"

using namespace office;

TEST_CASE("what is held is the message as it came, behind a line that says why") {
    Office office;
    const std::string message = to("john@example.com, info@example.com, rubbish, a@far.example");
    auto found = office.collect(message);
    REQUIRE(found["/held"].size() == 4);
    std::map<std::string, store::HeldNote> notes;
    for (const std::string& held : found["/held"]) {
        const auto end = held.find('\n') + 1;
        CHECK(held.substr(end) == message);
        const auto note = store::held_note(held.substr(0, end));
        REQUIRE(note);
        CHECK(note->fetch == "office");
        CHECK(note->sender == "sam@sender.example");
        CHECK(note->size == message.size());
        CHECK(note->message_id == "<1@sender.example>");
        CHECK(note->when == office.clock.wall());
        notes[note->reason] = *note;
    }
    CHECK(notes["would-bounce"].recipient == "john@example.com");
    CHECK(notes["would-bounce"].header == "X-Rcpt-To");
    CHECK(notes["would-bounce"].text == "550 5.1.1 John has left");
    CHECK(notes["would-bounce"].others.empty());
    CHECK(notes["would-forward"].recipient == "info@example.com");
    CHECK(notes["would-forward"].to == "friend@far.example");
    CHECK(notes["foreign-domain"].recipient == "a@far.example");
    CHECK(notes["unusable-header"].recipient.empty());
    CHECK(notes["unusable-header"].others ==
          std::vector<std::string>{"john@example.com", "info@example.com", "a@far.example"});
}

TEST_CASE("where one has to wait, the message stays on the server as a whole") {
    Office office;
    const std::string two = to("anne@example.com, bob@example.com");
    std::map<std::string, std::uint64_t> asked;
    office.world.mailbox_takes = [&](const route::ToMailbox& box, std::uint64_t octets) {
        asked[box.mailbox.text()] += octets;
        return Result<bool>(box.mailbox.local() != "bob");
    };
    auto sorted = office.sort(two);
    CHECK(sorted.stays == "the mailbox bob@example.com is full");
    CHECK(sorted.copies.empty());
    CHECK(asked["anne@example.com"] ==
          (mail::envelope_lines("anne@example.com", "anne@example.com") + genuine + received + rest)
              .size());
    CHECK(office.sort(to("anne@example.com")).copies.size() == 1);

    office.world.mailbox_takes = {};
    std::uint64_t held = 0;
    office.world.held_takes = [&](std::uint64_t octets) {
        held = octets;
        return Result<bool>(false);
    };
    CHECK(office.sort(two).copies.size() == 2);
    CHECK(held == 0);
    sorted = office.sort(to("anne@example.com, john@example.com"));
    CHECK(sorted.stays == "the held area is full");
    CHECK(sorted.copies.empty());
    CHECK(held > two.size());
    CHECK(office.sort(to("anne@example.com, x@broken.example"))
              .stays.starts_with("x@broken.example: 451"));
    office.world.held_takes = [](std::uint64_t) { return Result<bool>(fail("disk", "is ill")); };
    CHECK_FALSE(Sorter(office.world).sort({to("john@example.com"), {}, nullptr}).has_value());
}

TEST_CASE("a header without an end is poison, and set aside") {
    Office office;
    const std::string head = "X-Rcpt-To: anne@example.com\r\n" + std::string(1000, 'x');
    auto sorted = Sorter(office.world).sort({head, "and so on", nullptr}).value();
    REQUIRE(sorted.copies.size() == 1);
    CHECK(fates(sorted.judged) == "held: poison");
    CHECK(sorted.copies[0].content.shared.at(0) == head);
    CHECK_FALSE(aside(sorted.judged.fates[0]).id.empty());
    CHECK(fates(Sorter(office.world).sort({head, {}, nullptr}).value().judged) ==
          "anne@example.com");
}
