// What the outbound queue takes on comes back whole, is listed in order, updated and removed, also
// while another process works on it.
#include <catch2/catch.hpp>
#include <cerrno>

#include "a_queue.hpp"
#include "store/spool_envelope.hpp"
#include "support/temporary_directory.hpp"

using namespace a_queue;

TEST_CASE("What is taken on is its parts, what was spilled and what came after, with its envelope") {
    const test::TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const Layout here(root.path());
    const SetClock clock;
    Spool spool(*disk, here, clock, "mx1");
    auto spilled = disk->scratch(root.path());
    REQUIRE(spilled);
    REQUIRE((*spilled)->write("spilled; "));
    Queued envelope = envelope_to({"x@Elsewhere.example", "\"y z\"@other.example"});
    envelope.kind = Queued::Kind::submission;
    envelope.authenticated = true;
    envelope.sender.size = 77;
    envelope.sender.body = mail::BodyType::eight_bit_mime;
    envelope.sender.smtputf8 = true;
    envelope.sender.ret = mail::Ret::headers;
    envelope.sender.envid = "QQ+1";
    envelope.owed[0].last_reply = "450 4.2.0 come back \"later\"\r\n\xff";
    envelope.owed[0].delay_told = true;
    envelope.owed[1].recipient.notify = {true, false, true, true, false};
    envelope.owed[1].recipient.orcpt = "rfc822;y+20z@other.example";
    envelope.next_attempt = at(1'795'419'999);
    envelope.attempts = 3;
    const std::vector<std::string_view> parts = {"stamp; ", "header; "};
    const auto id = spool.add(envelope, parts, spilled->get(), "rest");
    REQUIRE(id);
    CHECK(is_spool_id(*id));
    CHECK(id->ends_with(".mx1"));
    CHECK(content(spool, *id) == "stamp; header; spilled; rest");
    for (const bool fresh : {false, true}) {
        Spool other(*disk, here, clock);
        const auto loaded = (fresh ? other : spool).load(*id);
        REQUIRE(loaded);
        CHECK(loaded->id == *id);
        CHECK(loaded->kind == Queued::Kind::submission);
        CHECK(loaded->sender.text() == envelope.sender.text());
        CHECK(loaded->sender.size == 77);
        CHECK(loaded->sender.body == mail::BodyType::eight_bit_mime);
        CHECK(loaded->sender.smtputf8);
        CHECK(loaded->sender.ret == mail::Ret::headers);
        CHECK(loaded->sender.envid == "QQ+1");
        CHECK(loaded->original_sender == "bob@elsewhere.example");
        CHECK(loaded->authenticated);
        CHECK(loaded->size == 28);
        CHECK(loaded->arrived == clock.time);
        CHECK(loaded->next_attempt == envelope.next_attempt);
        CHECK(loaded->attempts == 3);
        REQUIRE(loaded->owed.size() == 2);
        CHECK(loaded->owed[0].recipient.address.given() == "x@Elsewhere.example");
        CHECK(loaded->owed[0].original == "anne@example.com");
        CHECK(loaded->owed[0].last_reply == "450 4.2.0 come back \"later\"\r\n\xef\xbf\xbd");
        CHECK(loaded->owed[0].delay_told);
        CHECK_FALSE(loaded->owed[0].recipient.notify.given);
        CHECK(loaded->owed[1].recipient.address.local() == "y z");
        CHECK(loaded->owed[1].recipient.notify == envelope.owed[1].recipient.notify);
        CHECK(loaded->owed[1].recipient.orcpt == "rfc822;y+20z@other.example");
    }
    const auto due = spool.list().value();
    REQUIRE(due.size() == 1);
    CHECK(due[0].destination == "elsewhere.example");
    CHECK(due[0].next_attempt == envelope.next_attempt);
}

TEST_CASE("A bounce's null sender comes back as the null sender") {
    Queued bounce = envelope_to({"bob@elsewhere.example"});
    bounce.id = "1.a";
    bounce.kind = Queued::Kind::bounce;
    bounce.sender = {};
    bounce.original_sender.clear();
    const auto back = queued(to_text(bounce));
    REQUIRE(back);
    CHECK_FALSE(back->sender.address);
    CHECK(back->kind == Queued::Kind::bounce);
}

TEST_CASE("A server that takes the message is its destination, in the name and in the envelope") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock);
    Queued envelope = envelope_to({"anne@example.com"});
    envelope.kind = Queued::Kind::handover;
    envelope.via = "lmtp://[2001:db8::1]:24";
    const std::string_view part = body;
    const std::string id = spool.add(envelope, std::span(&part, 1)).value();
    CHECK(spool.load(id)->via == envelope.via);
    CHECK(spool.load(id)->kind == Queued::Kind::handover);
    CHECK(spool.list()->at(0).destination == envelope.via);
    CHECK(is_server(envelope.via));
    CHECK_FALSE(is_server("example.com"));
}

TEST_CASE("The list is in order of the next attempt, then of arrival") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock);
    CHECK(spool.list().value().empty());
    const auto first = add(spool, {"x@a.example"}).value();
    const auto second = add(spool, {"x@b.example"}).value();
    clock.time += 10s;
    const auto third = add(spool, {"x@c.example"}).value();
    CHECK(ids(spool) == std::vector{first, second, third});
    REQUIRE(spool.reschedule(first, clock.time + 1s));
    CHECK(ids(spool) == std::vector{second, third, first});
    CHECK(spool.reschedule_all(clock.time).value() == 3);
    CHECK(ids(spool) == std::vector{first, second, third});
    clock.time -= 24h;  // set back
    CHECK(add(spool, {"x@d.example"}).value() > third);
}

TEST_CASE("An update replaces what is owed, and an update of nothing owed removes") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock);
    const auto id = add(spool, {"x@a.example", "y@b.example"}).value();
    auto envelope = spool.load(id).value();
    envelope.owed.erase(envelope.owed.begin());
    envelope.attempts = 1;
    envelope.next_attempt = clock.time + 300s;
    REQUIRE(spool.update(envelope));
    CHECK(owed_text(spool.load(id).value()) == "y@b.example 1");
    CHECK(spool.list().value().at(0).destination == "b.example");
    CHECK(spool.list().value().at(0).next_attempt == envelope.next_attempt);
    CHECK(content(spool, id) == body);
    REQUIRE(spool.update(envelope));  // the same again
    CHECK(disk.files().size() == 3);  // message, envelope, lock
    envelope.owed.clear();
    REQUIRE(spool.update(envelope));
    CHECK(spool.list().value().empty());
    CHECK(spool.load(id).error().error == ENOENT);
    CHECK(spool.open(id).error().error == ENOENT);
    CHECK_FALSE(spool.load(id).error().temporary);
}

TEST_CASE("What another process removed stays removed, what it rescheduled is found") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool server(disk, layout, clock), operators(disk, layout, clock);
    const auto id = add(server, {"x@a.example"}).value(), gone = add(server, {"y@b.example"}).value();
    auto envelope = server.load(id).value();
    auto removed = server.load(gone).value();
    REQUIRE(operators.reschedule(id, at(7)));
    CHECK(server.load(id).value().next_attempt == at(7));
    REQUIRE(operators.reschedule(id, at(8)));
    envelope.attempts = 1;
    envelope.next_attempt = clock.time + 60s;
    REQUIRE(server.update(envelope));
    CHECK(operators.load(id).value().attempts == 1);
    REQUIRE(operators.remove(gone));
    CHECK(server.update(removed).error().error == ENOENT);
    CHECK(server.reschedule(gone, at(9)).error().error == ENOENT);
    CHECK(server.remove(gone).error().error == ENOENT);
    CHECK(ids(server) == std::vector{id});
    CHECK(disk.files().size() == 3);
}

TEST_CASE("Only what others put into the directory is news") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock), other(disk, layout, clock, "other");
    const auto news = [&] {
        std::vector<std::string> names;
        for (const auto& [path, text] : disk.files())
            if (spool.is_news(disk::file_name(path))) names.push_back(disk::file_name(path));
        return names;
    };
    const auto ours = add(spool, {"x@a.example"}).value();
    CHECK(news().empty());
    const auto theirs = add(other, {"x@b.example"}).value();
    REQUIRE(news().size() == 1);
    const auto due = spool.seen(news().front());
    REQUIRE(due);
    CHECK(due->id == theirs);
    CHECK(due->destination == "b.example");
    CHECK(news().empty());
    REQUIRE(other.reschedule(ours, at(7)));
    CHECK(spool.load("gone").error().error == ENOENT);  // reads the directory, and tells nobody
    REQUIRE(news().size() == 1);
    CHECK(spool.seen(news().front())->next_attempt == at(7));
    CHECK(spool.due(ours)->next_attempt == at(7));
    CHECK_FALSE(spool.seen(message_file(ours, 8, "a.example")));
    CHECK(spool.due("gone").error().error == ENOENT);
    CHECK_FALSE(spool.is_news("0.spare"));
}

TEST_CASE("A destination too long for a name is read from the envelope") {
    ForgetfulDisk disk;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const std::string label(60, 'x'), domain = label + '.' + label + '.' + label + ".example";
    const auto id = add(spool, {"x@" + domain}).value();
    CHECK(spool.list().value().at(0).destination == domain);
    const auto literal = add(spool, {"x@[192.0.2.1]"}).value();
    CHECK(spool.list().value().at(1).destination == "[192.0.2.1]");
}

TEST_CASE("An unknown key in an envelope is ignored") {
    Queued envelope = envelope_to({"x@a.example"});
    envelope.id = "1.a";
    std::string text = to_text(envelope);
    text.insert(1, "\"priority\":[1,{}],");
    REQUIRE(queued(text));
    CHECK(owed_text(*queued(text)) == "x@a.example 0");
    CHECK_FALSE(queued(text.substr(0, text.size() - 2)));
}

TEST_CASE("What is prepared and dropped leaves nothing") {
    ForgetfulDisk disk;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    Queued envelope = envelope_to({"x@a.example"});
    { REQUIRE(spool.prepare(envelope, {}, nullptr, body)); }
    CHECK(disk.files().empty());
    CHECK(spool.load(envelope.id).error().error == ENOENT);
    CHECK_THROWS(add(spool, {}));  // owed to nobody
}
