#include "agent/transfer.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "agent/forward.hpp"
#include "agent/retry.hpp"
#include "agent/undeliverable.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace std::chrono_literals;
using agent::Timetable;

namespace {

struct SetClock final : Clock {
    Instant now() const override { return Instant(wall_.time_since_epoch()); }
    WallTime wall() const override { return wall_; }
    WallTime wall_{std::chrono::seconds(1'795'411'214)};
};

struct SetRandom final : Random {
    std::uint64_t bits() override { return value; }
    std::uint64_t value = 0;
};

// A queue on the real disk, and somebody who answers for the session.
struct Office {
    Office() : disk(disk::system_disk()), layout(place.path()), spool(*disk, layout, clock, "n") {}

    std::string add(std::vector<std::string> recipients) { return put(message(std::move(recipients))); }
    store::Queued message(std::vector<std::string> recipients) {
        store::Queued envelope;
        envelope.sender.address = mail::Address::parse("anne@example.com").value();
        for (const auto& text : recipients) {
            store::Owed owed;
            owed.recipient.address = mail::Address::parse(text).value();
            envelope.owed.push_back(owed);
        }
        return envelope;
    }
    std::string put(const store::Queued& envelope) {
        const std::string_view part = "Subject: x\r\n\r\nbody\r\n";
        const std::string id = spool.add(envelope, std::span(&part, 1)).value();
        note(id);
        return id;
    }
    void note(const std::string& id) {
        const auto envelope = spool.load(id).value();
        table.note(id, envelope.next_attempt, envelope.destination());
        table.advance(clock.wall());
    }
    // One session in this lane: who was offered, answered by `replies` (250 where silent).
    std::vector<std::string> session(const std::string& lane, bool all = false) {
        table.advance(clock.wall());
        std::vector<std::string> offered;
        agent::Transfer transfer(dispatch, {lane, all, "mx.test", retry_for});
        auto answer = transfer.answer(smtp::WantMessage());
        for (;;) {
            if (!answer.message) answer = transfer.answer(smtp::WantMessage());
            if (!answer.message) return offered;
            smtp::Outcome outcome;
            for (const auto& recipient : answer.message->recipients) {
                offered.push_back(recipient.address.given());
                const auto reply = replies.find(recipient.address.given());
                outcome.recipients.push_back(reply == replies.end() ? smtp::Reply{250, "2.0.0", "ok"}
                                                                    : reply->second);
            }
            outcome.more = offered.size() % 2 == 0;
            answer = transfer.answer(outcome);
            CHECK((outcome.more || !answer.message));
        }
    }
    std::vector<std::string> owed(const std::string& id) {
        std::vector<std::string> names;
        if (const auto envelope = spool.load(id))
            for (const auto& owed : envelope->owed)
                names.push_back(owed.recipient.address.given());
        return names;
    }

    test::TemporaryDirectory place;
    std::unique_ptr<disk::Disk> disk;
    store::Layout layout;
    SetClock clock;
    SetRandom random;
    store::Spool spool;
    Timetable table;
    std::vector<agent::Trouble> failed, late;
    bool handover_fails = false;
    std::map<std::string, int> events;
    std::chrono::seconds retry_for = 5 * 24h;
    std::map<std::string, smtp::Reply> replies;
    agent::Dispatch dispatch{spool, table, clock, random,
                             [this](watch::Event e) { ++events[std::string(watch::name(e.what))]; },
                             [this](const agent::Trouble& trouble) -> Result<> {
                                 if (handover_fails) return fail("held", "the disk is full");
                                 failed.push_back(trouble);
                                 return {};
                             },
                             [this](const agent::Trouble& trouble) { late.push_back(trouble); },
                             Log()};
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Pauses grow from a minute to four hours, a quarter more or less") {
    SetRandom least, most;
    const std::vector<long> minutes{1, 5, 10, 20, 40, 80, 160, 240, 240};
    for (unsigned n = 1; n <= minutes.size(); ++n) {
        const long seconds = minutes[n - 1] * 60;
        most.value = static_cast<std::uint64_t>(seconds / 4 * 2);
        CHECK(agent::pause_after(n, least).count() == seconds - seconds / 4);
        CHECK(agent::pause_after(n, most).count() == seconds + seconds / 4);
    }
    CHECK(agent::pause_after(4'000'000'000u, least) == 3h);
    const WallTime arrived{1000s};
    CHECK(agent::next_attempt(arrived, arrived + 119h, 30, 120h, least) == arrived + 120h);
    CHECK_FALSE(agent::given_up(arrived, arrived + 119h, 120h));
    CHECK(agent::given_up(arrived, arrived + 120h, 120h));
    CHECK_FALSE(agent::is_late(arrived, arrived + 239min));
    CHECK(agent::is_late(arrived, arrived + 4h));
}

TEST_CASE("A delivered recipient is struck off, one for later stays, one that failed is handed over") {
    Office office;
    const std::string id = office.add({"a@d.test", "b@d.test", "c@d.test"});
    office.replies["b@d.test"] = {450, "4.2.0", "later\nplease"};
    office.replies["c@d.test"] = {550, "5.1.1", "never"};
    CHECK(office.session("d.test") == Names{"a@d.test", "b@d.test", "c@d.test"});
    CHECK(office.owed(id) == Names{"b@d.test"});
    REQUIRE(office.failed.size() == 1);
    CHECK(office.failed[0].envelope.owed.at(0).last_reply == "550 5.1.1 never");
    CHECK(office.failed[0].envelope.owed.size() == 1);
    const auto envelope = office.spool.load(id).value();
    CHECK(envelope.attempts == 1);
    CHECK(envelope.owed[0].last_reply == "450 4.2.0 later please");
    CHECK(envelope.next_attempt == office.clock.wall() + 45s);
    CHECK(office.session("d.test").empty());
    office.clock.wall_ += 45s;
    office.replies.clear();
    CHECK(office.session("d.test") == Names{"b@d.test"});
    CHECK(office.spool.list().value().empty());
    CHECK(office.table.size() == 0);
    CHECK(office.events == std::map<std::string, int>{{"sent", 2}, {"postponed", 1}, {"failed", 1}});
}

TEST_CASE("Only a 2xx is a delivery") {
    for (const int code : {100, 199, 300, 354, 399, 421, 600, 0}) {
        Office office;
        const std::string id = office.add({"a@d.test"});
        office.replies["a@d.test"] = {code, "", "?"};
        office.session("d.test");
        CHECK(office.owed(id) == Names{"a@d.test"});
        CHECK(office.failed.empty());
    }
}

TEST_CASE("Every domain of a message has its turn before the message waits") {
    Office office;
    const std::string id = office.add({"a@d.test", "b@e.test", "c@d.test", "d@f.test"});
    office.replies["a@d.test"] = office.replies["b@e.test"] = {450, "", "later"};
    CHECK(office.session("e.test").empty());
    CHECK(office.session("d.test") == Names{"a@d.test", "c@d.test"});
    CHECK(office.spool.load(id).value().attempts == 0);
    CHECK(office.session("d.test").empty());
    CHECK(office.session("e.test") == Names{"b@e.test"});
    office.note(id);  // what inotify says of our own change is nothing new
    CHECK(office.session("e.test").empty());
    CHECK(office.session("f.test") == Names{"d@f.test"});
    CHECK(office.spool.load(id).value().attempts == 1);
    CHECK(office.owed(id).size() == 2);
    CHECK(office.session("d.test").empty());
}

TEST_CASE("A smarthost takes all domains at once, at most a hundred recipients in a transaction") {
    Office office;
    Names names;
    for (int i = 0; i < 150; ++i)
        names.push_back("u" + std::to_string(i) + "@d" + std::to_string(i % 7) + ".test");
    office.table.single_lane(true);
    office.add(names);
    CHECK(office.session("", true) == names);
    CHECK(office.spool.list().value().empty());
}

TEST_CASE("What a server of its own takes goes there, with or without a smarthost") {
    for (const bool smarthost : {false, true}) {
        Office office;
        office.table.single_lane(smarthost);
        store::Queued message = office.message({"a@d.test", "b@e.test"});
        message.kind = store::Queued::Kind::handover;
        message.via = "lmtp://127.0.0.1:24";
        const std::string id = office.put(message);
        office.replies["b@e.test"] = {451, "4.3.0", "later"};
        CHECK(office.session("", true).empty());
        CHECK(office.session("d.test").empty());
        CHECK(office.session("smtp://127.0.0.1:24", true).empty());
        CHECK(office.session("lmtp://127.0.0.1:24", true) == Names{"a@d.test", "b@e.test"});
        CHECK(office.owed(id) == Names{"b@e.test"});
        CHECK(office.spool.load(id)->via == message.via);
        office.clock.wall_ += 1h;
        CHECK(office.session("e.test").empty());
        office.replies.clear();
        CHECK(office.session("lmtp://127.0.0.1:24", true) == Names{"b@e.test"});
        CHECK(office.owed(id).empty());
    }
}

TEST_CASE("What cannot be given up stays in the queue") {
    Office office;
    const std::string id = office.add({"a@d.test"});
    office.replies["a@d.test"] = {550, "5.1.1", "never"};
    office.handover_fails = true;
    office.session("d.test");
    CHECK(office.owed(id) == Names{"a@d.test"});
    office.handover_fails = false;
    office.clock.wall_ += 2min;
    office.session("d.test");
    CHECK(office.failed.size() == 1);
    CHECK(office.owed(id).empty());
}

TEST_CASE("A late message is told of once, and given up when its time is over") {
    Office office;
    const std::string id = office.add({"a@d.test"});
    office.replies["a@d.test"] = {451, "4.3.0", "later"};
    unsigned attempts = 0;
    while (office.failed.empty() && attempts < 200) {
        office.clock.wall_ = std::max(office.clock.wall_, office.spool.load(id).value().next_attempt);
        if (!office.session("d.test").empty()) ++attempts;
    }
    CHECK(office.late.size() == 1);
    CHECK(office.late.at(0).action == mail::DsnAction::delayed);
    CHECK(office.late.at(0).until == office.late.at(0).envelope.arrived + office.retry_for);
    REQUIRE(office.failed.size() == 1);
    CHECK(office.failed[0].expired);
    CHECK(office.failed[0].envelope.owed.at(0).last_reply == "451 4.3.0 later");
    CHECK(attempts > 35);
    CHECK(attempts < 60);
    CHECK(office.spool.list().value().empty());
}

TEST_CASE("A bounce on its way back is given up after a day") {
    Office office;
    store::Queued back = office.message({"a@d.test"});
    back.kind = store::Queued::Kind::relay;
    const std::string id = office.put(back);
    office.replies["a@d.test"] = {451, "4.3.0", "later"};
    office.clock.wall_ += agent::returning_for - 1s;
    office.session("d.test");
    CHECK(office.failed.empty());
    office.clock.wall_ += 1s;
    office.session("d.test");
    CHECK(office.failed.size() == 1);
}

TEST_CASE("Success is told by the next host, or by us: where it reports nothing, and of forwards") {
    struct Case {
        std::string original;
        bool dsn;
        bool told, asked;  // by us; of the next host
    };
    for (const Case& one : {Case{"", true, false, true}, Case{"", false, true, true},
                            Case{"a@ours.example", true, true, false},
                            Case{"a@ours.example", false, true, false}}) {
        Office office;
        store::Queued message = office.message({"a@d.test", "b@d.test"});
        message.owed[0].original = one.original;
        message.owed[0].recipient.notify = {true, false, true, false, false};
        office.put(message);
        agent::Transfer transfer(office.dispatch, {"d.test", false, "mx.test", 120h, "ours.test"});
        const auto sent = transfer.answer(smtp::WantMessage()).message.value();
        CHECK(sent.recipients.at(0).notify.success == one.asked);
        CHECK(sent.recipients.at(0).notify.never == !one.asked);
        CHECK(sent.recipients.at(1).notify == mail::Notify());
        const smtp::Reply ok{250, "2.0.0", "ok"};
        transfer.answer(smtp::Outcome{{ok, ok}, one.dsn});
        REQUIRE(office.late.size() == (one.told ? 1 : 0));
        if (!one.told) continue;
        CHECK(office.late[0].action == mail::DsnAction::relayed);
        CHECK(office.late[0].hostname == "ours.test");
        CHECK(office.late[0].envelope.owed.size() == 1);
    }
}

TEST_CASE("A message that an operator removes meanwhile stays removed") {
    Office office;
    const std::string id = office.add({"a@d.test"});
    agent::Transfer transfer(office.dispatch, {"d.test", false, "mx.test", 120h});
    REQUIRE(transfer.answer(smtp::WantMessage()).message);
    REQUIRE(office.spool.remove(id));
    transfer.answer(smtp::Outcome{{smtp::Reply{450, "", "later"}}});
    CHECK(office.spool.list().value().empty());
    CHECK(office.table.size() == 0);
}

TEST_CASE("A lane whose host cannot be reached is tried again, message by message") {
    Office office;
    const Names ids{office.add({"a@d.test"}), office.add({"b@d.test"})};
    {
        agent::Transfer transfer(office.dispatch, {"d.test", false, "", 120h});
        transfer.refuse_lane({451, "4.4.1", "cannot connect"});
    }
    for (const auto& id : ids) CHECK(office.spool.load(id).value().attempts == 1);
    CHECK(office.session("d.test").empty());
    office.clock.wall_ += 2min;
    CHECK(office.session("d.test").size() == 2);
}

TEST_CASE("An attempt that never ended is made again") {
    Office office;
    const std::string id = office.add({"a@d.test"});
    {
        agent::Transfer transfer(office.dispatch, {"d.test", false, "", 120h});
        REQUIRE(transfer.answer(smtp::WantMessage()).message);
    }
    office.clock.wall_ += 6min;
    CHECK(office.session("d.test") == Names{"a@d.test"});
}

TEST_CASE("What nobody is told about is held once for each recipient, whole") {
    Office office;
    const std::string id = office.add({"a@d.test", "b@d.test"});
    agent::Trouble trouble{office.spool.load(id).value()};
    for (auto& owed : trouble.envelope.owed) owed.last_reply = "550 never";
    for (int i = 0; i < 2; ++i) {
        REQUIRE(agent::hold_undeliverable(*office.disk, office.layout, office.spool, office.clock,
                                          trouble));
        trouble.envelope.owed[0].last_reply = "550 said otherwise";
    }
    store::Held held(*office.disk, office.layout);
    const auto ids = held.ids().value();
    REQUIRE(ids.size() == 2);
    const auto one = held.open(ids[0]).value();
    CHECK(one.note.reason == "undeliverable");
    CHECK(one.size == trouble.envelope.size);
    std::string text(one.size, '\0');
    REQUIRE(one.file->read_at(one.begin, text.data(), text.size()).value() == text.size());
    CHECK(text == "Subject: x\r\n\r\nbody\r\n");
}

TEST_CASE("The timetable gives what is due, in its time, once") {
    Timetable table;
    const WallTime now{1000s};
    table.note("late", now + 5s, "d");
    table.note("first", now - 1s, "d");
    table.note("other", now, "e");
    CHECK(table.advance(now) == now + 5s);
    CHECK(table.take("d")->id == "first");
    CHECK_FALSE(table.take("d"));
    table.note("late", now, "e");  // an operator's "now", and another destination
    CHECK_FALSE(table.advance(now));
    CHECK(table.take("e")->id == "other");
    CHECK(table.take("e")->id == "late");
    table.note("late", now + 9s, "e");  // under way: nothing new
    CHECK_FALSE(table.advance(now));
    table.note("gone", now, "d");
    table.advance(now);
    table.forget("gone");
    CHECK_FALSE(table.take("d"));
    table.note("last", now, "d");
    table.advance(now);
    table.stop();
    CHECK_FALSE(table.take("d"));
}
