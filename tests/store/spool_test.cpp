// The outbound queue: nothing taken on is lost, nothing torn is sent, what was removed stays removed,
// and one bad file stops nobody. Each guarantee has a saboteur that must be caught.
#include "store/spool.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include <atomic>
#include <chrono>
#include <thread>

#include "store/spool_envelope.hpp"
#include "support/forgetful_disk.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;
using mailhandler::test::TemporaryDirectory;
using namespace std::chrono_literals;

namespace {

const std::string body = "Subject: hello\r\n\r\nthe whole message\r\n";
const Layout layout("/root");
const std::string anne = "/root/mail/example.com/anne";

class SetClock final : public Clock {
  public:
    Instant now() const override { return Instant(1s); }
    WallTime wall() const override { return time; }
    WallTime time{std::chrono::seconds(1'795'411'214)};
};

WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

mail::Address address(const std::string& text) { return mail::Address::parse_sender(text).value(); }

Queued envelope_to(const std::vector<std::string>& recipients) {
    Queued envelope;
    envelope.sender.address = address("srs0=x=y=elsewhere.example=bob@example.com");
    envelope.original_sender = "bob@elsewhere.example";
    for (const std::string& each : recipients) {
        Owed owed;
        owed.recipient.address = address(each);
        owed.original = "anne@example.com";
        envelope.owed.push_back(std::move(owed));
    }
    return envelope;
}

Result<std::string> add(Spool& spool, const std::vector<std::string>& recipients) {
    const std::vector<std::string_view> parts = {std::string_view(body).substr(0, 5)};
    return spool.add(envelope_to(recipients), parts, nullptr, std::string_view(body).substr(5));
}

std::string content(Spool& spool, const std::string& id) {
    const auto file = spool.open(id);
    if (!file) return file.error().cause;
    std::string text(1000, '\0');
    text.resize((*file)->read_at(0, text.data(), text.size()).value());
    return text;
}

std::vector<std::string> ids(Spool& spool) {
    std::vector<std::string> found;
    const auto all = spool.list().value();
    for (const auto& due : all) found.push_back(due.id);
    return found;
}

std::string owed_text(const Queued& envelope) {
    std::string text;
    for (const Owed& owed : envelope.owed) text += owed.recipient.address.given() + ' ';
    return text + std::to_string(envelope.attempts);
}

}  // namespace

TEST_CASE("What is taken on is its parts, what was spilled and what came after, with its envelope") {
    const TemporaryDirectory root;
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

TEST_CASE("A damaged envelope is reported and left alone, and the others go on") {
    for (const std::string bad : {"", "{", "[]", "{\"id\":\"x\"}", "null", "\xff\xfe"}) {
        ForgetfulDisk disk;
        SetClock clock;
        Spool spool(disk, layout, clock);
        const auto torn = add(spool, {"x@a.example"}).value();
        const auto whole = add(spool, {"x@b.example"}).value();
        for (const auto& [path, text] : disk.files()) {
            if (!path.starts_with("/root/queue/" + torn + ',')) continue;
            auto file = disk.append(path, 0600).value();
            REQUIRE(file->truncate(0));
            REQUIRE(file->write(bad));
        }
        CHECK(ids(spool) == std::vector{torn, whole});
        const auto fault = spool.load(torn);
        REQUIRE_FALSE(fault);
        CHECK(fault.error().error == EBADMSG);
        CHECK_FALSE(fault.error().temporary);
        CHECK(spool.load(whole));
        clock.time += 48h;
        CHECK(spool.sweep().value() == 0);
        REQUIRE(spool.reschedule(torn, at(5)));
        REQUIRE(spool.remove(torn));  // an operator may
        CHECK(ids(spool) == std::vector{whole});
    }
}

TEST_CASE("Foreign names and an envelope without its message are told, not listed") {
    ForgetfulDisk disk;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const auto id = add(spool, {"x@a.example"}).value();
    for (const char* name : {"notes.txt", "a.env", "a,b,c.env", "a,01,x.env", "a,-1,x.env",
                             "a,1,X.env", "a,1,.env", ",1,x.env", "a,99999999999,x.env", "b,1,x.env"})
        REQUIRE(disk.create(std::string("/root/queue/") + name, 0600));
    std::vector<Fault> damaged;
    const auto due = spool.list(&damaged);
    REQUIRE(due);
    CHECK(due->size() == 1);
    REQUIRE(damaged.size() == 9);
    std::size_t missing = 0;
    for (const Fault& fault : damaged) missing += fault.error == ENOENT;
    CHECK(missing == 1);
    CHECK(spool.load("../x").error().error == ENOENT);
    CHECK(spool.open("../../etc/passwd").error().error == ENOENT);
    CHECK(spool.remove("").error().error == ENOENT);
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

TEST_CASE("Half of a message taken on is swept away when it is an hour old") {
    ForgetfulDisk whole;
    SetClock clock;
    {
        Spool spool(whole, layout, clock);
        REQUIRE(add(spool, {"x@a.example"}));
    }
    for (std::size_t step = 1; step <= whole.steps(); ++step) {
        ForgetfulDisk disk;
        disk.cut_at(step);
        Spool cut(disk, layout, clock);
        const bool taken = add(cut, {"x@a.example"}).has_value();
        disk.kill();
        Spool spool(disk, layout, clock);
        CHECK(spool.sweep().value() == 0);  // somebody may be writing it
        SetClock later;
        later.time += 61min;
        Spool next(disk, layout, later);
        REQUIRE(next.sweep());
        const std::size_t left = next.list().value().size();
        CHECK(left >= std::size_t(taken));
        CHECK(disk.files().size() == 2 * left + 1);  // and the lock
    }
}

// --- a disk that forgets ------------------------------------------------------------------

namespace {

// What the one who uses the queue was told, so what must be true after a crash.
struct Told {
    std::vector<std::string> taken;    // ids
    bool updated = false, removed = false;
};

// The queue's life: three messages; the first is updated twice, the second removed.
Told live(disk::Disk& disk) {
    SetClock clock;
    Told told;
    Spool spool(disk, layout, clock);
    for (const char* name : {"x@a.example", "x@b.example", "x@c.example"}) {
        const auto id = add(spool, {name, "y@d.example"});
        if (!id) return told;
        told.taken.push_back(*id);
    }
    auto envelope = spool.load(told.taken[0]);
    if (!envelope) return told;
    envelope->attempts = 1;
    envelope->next_attempt = clock.time + 60s;
    if (!spool.update(*envelope)) return told;
    envelope->attempts = 2;
    envelope->owed.erase(envelope->owed.begin());
    envelope->next_attempt = clock.time + 3600s;
    told.updated = spool.update(*envelope).has_value();
    if (!told.updated) return told;
    told.removed = spool.remove(told.taken[1]).has_value();
    return told;
}

std::string verdict(disk::Disk& disk, const Told& told) {
    const SetClock clock;
    Spool spool(disk, layout, clock);
    std::vector<Fault> damaged;
    const auto due = spool.list(&damaged);
    if (!due) return due.error().text();
    for (std::size_t each = 0; each < told.taken.size(); ++each) {
        const std::string& id = told.taken[each];
        const auto count = std::count_if(due->begin(), due->end(),
                                         [&](const Spool::Due& one) { return one.id == id; });
        if (count > 1) return "two names of one id";
        if (each == 1 && told.removed && count == 1) return "removed and there again";
        if (each == 1 && !told.updated && count != 1) return "lost before it was removed";
        if (each != 1 && count != 1) return "lost: " + std::to_string(each);
    }
    for (const Spool::Due& one : *due) {
        const auto envelope = spool.load(one.id);
        if (!envelope) return "torn envelope: " + envelope.error().text();
        if (content(spool, one.id) != body) return "torn message";
        const bool first = !told.taken.empty() && one.id == told.taken[0];
        if (first && told.updated && owed_text(*envelope) != "y@d.example 2") return "old envelope";
        if (first && told.updated && one.next_attempt != clock.time + 3600s) return "old schedule";
    }
    // What only one half survived of was promised to nobody.
    for (const Fault& fault : damaged)
        for (std::size_t each = 0; each < told.taken.size(); ++each)
            if (fault.where.find(told.taken[each]) != fault.where.npos &&
                !(each == 1 && told.updated))
                return "damaged: " + fault.where;
    return {};
}

using Life = Told (*)(disk::Disk&);
using Sabotage = void (*)(ForgetfulDisk&);

std::string cut_everywhere(Life life, std::optional<Survives> survives, std::uint32_t seeds,
                           Sabotage sabotage = [](ForgetfulDisk&) {}) {
    ForgetfulDisk whole;
    const Told all = life(whole);
    if (!all.removed) return "it does not work at all";
    for (std::size_t step = 1; step <= whole.steps() + 1; ++step) {
        for (std::uint32_t seed = 0; seed < seeds; ++seed) {
            ForgetfulDisk disk;
            sabotage(disk);
            disk.cut_at(step);
            const Told told = life(disk);
            survives ? disk.crash(*survives, seed) : disk.kill();
            const std::string wrong = verdict(disk, told);
            if (!wrong.empty()) return wrong + " after " + whole.step_name(step);
        }
    }
    return {};
}

// The saboteur who makes the envelope before its message is durable.
Told envelope_first(disk::Disk& disk) {
    Told told = live(disk);
    if (!told.removed) return told;
    Queued envelope = envelope_to({"x@a.example"});
    envelope.id = "zz.a";
    const std::string name = "/root/queue/" + envelope_file("zz.a", 5, "a.example");
    auto message = disk.create("/root/queue/" + message_file("zz.a"));
    auto file = disk.create(name + ".tmp");
    if (!message || !file || !(*message)->write(body) || !(*file)->write(to_text(envelope)) ||
        !(*file)->sync() || !disk.rename(name + ".tmp", name) ||
        !disk.sync_directory("/root/queue"))
        return told;
    told.taken.push_back("zz.a");
    return told;
}

// The saboteur who replaces an envelope by making the new name and removing the old one.
Told remove_old_name(disk::Disk& disk) {
    Told told = live(disk);
    if (!told.removed) return told;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const auto all = spool.list();
    if (!all) return told;
    for (const Spool::Due& due : *all) {
        if (due.id != told.taken[2]) continue;
        const std::string old = "/root/queue/" + envelope_file(due.id, 1795411214, "c.example");
        auto envelope = spool.load(due.id);
        const std::string next = "/root/queue/" + envelope_file(due.id, 1795411299, "c.example");
        auto file = disk.create(next + ".tmp");
        if (!envelope || !file || !(*file)->write(to_text(*envelope)) || !(*file)->sync()) return told;
        if (!disk.rename(next + ".tmp", next) || !disk.remove(old)) return told;
        (void)disk.sync_directory("/root/queue");
    }
    return told;
}

}  // namespace

TEST_CASE("SIGKILL at any step loses nothing taken on and brings nothing back") {
    CHECK(cut_everywhere(live, std::nullopt, 1) == "");
}

TEST_CASE("A power cut at any step loses nothing taken on and brings nothing back") {
    CHECK(cut_everywhere(live, Survives::synced, 1) == "");
    CHECK(cut_everywhere(live, Survives::entries, 1) == "");
    CHECK(cut_everywhere(live, Survives::some, 40) == "");
    CHECK(cut_everywhere(live, Survives::journal, 20) == "");
}

TEST_CASE("The check finds whoever makes the envelope before its message is durable") {
    CHECK(cut_everywhere(envelope_first, Survives::synced, 1) != "");
}

TEST_CASE("The check finds whoever replaces a name by another and removes the old one") {
    CHECK(cut_everywhere(remove_old_name, Survives::some, 40) != "");
}

TEST_CASE("The check finds a disk under the queue whose syncs do nothing") {
    CHECK(cut_everywhere(live, Survives::entries, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); }) != "");
    CHECK(cut_everywhere(live, Survives::synced, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_directory_sync(); }) != "");
}

TEST_CASE("A fault while a message is taken on is temporary and leaves nothing") {
    const SetClock clock;
    ForgetfulDisk whole;
    Spool working(whole, layout, clock);
    REQUIRE(add(working, {"x@a.example"}));
    for (const int error : {EIO, ENOSPC, EDQUOT, EROFS, EMFILE, EACCES}) {
        for (std::size_t step = 1; step <= whole.steps(); ++step) {
            INFO(error << " at " << whole.step_name(step));
            ForgetfulDisk disk;
            disk.fail_at(step, error);
            Spool spool(disk, layout, clock);
            const auto id = add(spool, {"x@a.example"});
            REQUIRE_FALSE(id);
            CHECK(id.error().temporary);
            CHECK(disk.files().empty());
            CHECK(add(spool, {"x@a.example"}));  // what failed once is not in the way
        }
    }
}

TEST_CASE("A fault while an envelope is updated leaves the old one or the new one") {
    SetClock clock;
    for (std::size_t step = 1, last = 1; step <= last; ++step) {
        ForgetfulDisk disk;
        Spool spool(disk, layout, clock);
        const auto id = add(spool, {"x@a.example", "y@b.example"}).value();
        auto envelope = spool.load(id).value();
        envelope.attempts = 1;
        envelope.next_attempt = clock.time + 60s;
        const std::size_t before = disk.steps();
        disk.fail_at(before + step, EIO);
        const bool done = spool.update(envelope).has_value();
        if (step == 1) last = 12;
        if (done) last = 0;  // it was over before that step
        CHECK((!done || step > 7));
        disk.fail_at(before + step, 0);
        CHECK(ids(spool) == std::vector{id});
        const auto now = spool.load(id);
        REQUIRE(now);
        if (done) CHECK(now->attempts == 1);
        CHECK(spool.update(envelope));
        CHECK(disk.files().size() == 3);
    }
}

// --- with deliveries, and with the ledger -------------------------------------------------

namespace {

Result<> deliver_and_forward(disk::Disk& disk) {
    const SetClock clock;
    Spool spool(disk, layout, clock);
    Store store(disk);
    Queued envelope = envelope_to({"x@a.example"});
    const std::vector<std::string_view> parts = {body};
    auto forward = spool.prepare(envelope, parts);
    if (!forward) return tl::unexpected(forward.error());
    auto local = Delivery::write(disk, anne, "1.a", parts, nullptr, "");
    if (!local) return tl::unexpected(local.error());
    std::vector<Delivery> deliveries;
    deliveries.push_back(std::move(*forward));
    deliveries.push_back(std::move(*local));
    return store.commit(std::move(deliveries));
}

std::size_t delivered(const ForgetfulDisk& disk) {
    std::size_t count = 0;
    for (const auto& [path, text] : disk.files()) count += path.starts_with(anne + "/new/");
    return count;
}

}  // namespace

TEST_CASE("A forwarded and a local copy of one commit both happen or neither") {
    ForgetfulDisk whole;
    REQUIRE(deliver_and_forward(whole));
    const SetClock clock;
    for (std::size_t step = 1; step <= whole.steps(); ++step) {
        INFO(whole.step_name(step));
        ForgetfulDisk disk;
        disk.fail_at(step, EIO);
        const auto done = deliver_and_forward(disk);
        CHECK_FALSE(done);
        CHECK(delivered(disk) == 0);
        Spool spool(disk, layout, clock);
        CHECK(spool.list().value().empty());
        CHECK(deliver_and_forward(disk));
        CHECK(delivered(disk) == 1);
        CHECK(spool.list().value().size() == 1);
    }
    for (std::size_t step = 1; step <= whole.steps() + 1; ++step) {
        for (std::uint32_t seed = 0; seed < 20; ++seed) {
            ForgetfulDisk disk;
            disk.cut_at(step);
            const bool acknowledged = deliver_and_forward(disk).has_value();
            disk.crash(Survives::journal, seed);
            Spool spool(disk, layout, clock);
            const auto due = spool.list().value();
            CHECK(delivered(disk) >= due.size());  // the queue's half comes last
            if (acknowledged) CHECK(due.size() == 1);
            for (const auto& one : due) CHECK(content(spool, one.id) == body);
        }
    }
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

TEST_CASE("The ledger takes a message into the queue exactly once, wherever it is killed") {
    const auto run = [](disk::Disk& disk) -> bool {
        const SetClock clock;
        Spool spool(disk, layout, clock);
        auto ledger = Ledger::open(disk, layout, {"mail.example", "example.com"});
        if (!ledger || !ledger->recover()) return false;
        const MessageId id{"INBOX", 7, "1"};
        if (const auto known = ledger->known(id)) return known->state == Known::State::done;
        Queued envelope = envelope_to({"x@a.example"});
        auto copies = spool.staged(envelope, "example.com", {body});
        if (!copies) return false;
        std::vector<Collected> batch;
        batch.push_back({id, body.size(), "hash", std::move(*copies), clock.time});
        return ledger->deliver(std::move(batch)).has_value();
    };
    ForgetfulDisk whole;
    REQUIRE(run(whole));
    const SetClock clock;
    for (std::size_t step = 1; step <= whole.steps() + 1; ++step) {
        for (std::uint32_t seed = 0; seed < 20; ++seed) {
            INFO(whole.step_name(step));
            ForgetfulDisk disk;
            disk.cut_at(step);
            (void)run(disk);
            seed == 0 ? disk.kill() : disk.crash(Survives::journal, seed);
            SetClock later;
            later.time += 48h;
            REQUIRE(Spool(disk, layout, later).sweep());  // before the recovery, as at start
            REQUIRE(run(disk));
            Spool spool(disk, layout, clock);
            std::vector<Fault> damaged;
            const auto due = spool.list(&damaged).value();
            CHECK(damaged.empty());
            REQUIRE(due.size() == 1);
            CHECK(content(spool, due[0].id) == body);
            CHECK(spool.load(due[0].id));
        }
    }
}

TEST_CASE("Many threads add, update and remove while another lists, and every listing is exact") {
    const TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const Layout here(root.path());
    const SystemClock clock;
    Spool spool(*disk, here, clock), other(*disk, here, clock);
    REQUIRE(spool.sweep());
    std::vector<std::string> steady;
    for (int count = 0; count < 20; ++count) steady.push_back(add(spool, {"x@a.example"}).value());
    std::atomic<bool> end{false};
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (unsigned count = 0; count < 30; ++count) {
                auto envelope = spool.load(steady[thread * 5 + count % 5]);
                if (!envelope) {
                    ++wrong;
                    continue;
                }
                envelope->attempts = count;
                envelope->next_attempt = clock.wall() + std::chrono::seconds(count);
                wrong += !spool.update(*envelope);
                const auto id = add(count % 2 ? spool : other, {"y@b.example"});
                wrong += !id || !spool.load(*id) || !other.remove(*id);
            }
        });
    }
    std::thread lister([&] {
        while (!end) {
            const auto due = other.list();
            const auto held = [&](const std::string& id) {
                return std::count_if(due->begin(), due->end(),
                                     [&](const auto& one) { return one.id == id; });
            };
            for (const auto& id : steady) wrong += !due || held(id) != 1;
            for (const auto& id : steady) wrong += !other.load(id);
        }
    });
    for (std::thread& thread : threads) thread.join();
    end = true;
    lister.join();
    CHECK(wrong == 0);
    CHECK(spool.list().value().size() == steady.size());
}

// build/tests/test_store "[bench]"
TEST_CASE("How many messages a second the queue takes on, and how long 100,000 take to list",
          "[.bench]") {
    const auto disk = disk::system_disk();
    const SystemClock clock;
    const std::string message(4096, 'x');
    using Seconds = std::chrono::duration<double>;
    for (const unsigned threads : {1u, 8u, 32u}) {
        const TemporaryDirectory root;
        Spool spool(*disk, Layout(root.path()), clock);
        Store store(*disk);
        for (const bool queue : {true, false}) {
            const unsigned each = 2000 / threads;
            const auto begin = std::chrono::steady_clock::now();
            std::vector<std::thread> pool;
            for (unsigned thread = 0; thread < threads; ++thread) {
                pool.emplace_back([&, thread] {
                    for (unsigned count = 0; count < each; ++count) {
                        if (queue) {
                            if (!spool.add(envelope_to({"x@a.example"}), {}, nullptr, message))
                                std::abort();
                            continue;
                        }
                        std::vector<Delivery> one;
                        one.push_back(*Delivery::write(
                            *disk, root / "mail/example.com/anne",
                            std::to_string(thread) + '.' + std::to_string(count), {}, nullptr,
                            message));
                        if (!store.commit(std::move(one))) std::abort();
                    }
                });
            }
            for (std::thread& thread : pool) thread.join();
            const Seconds took = std::chrono::steady_clock::now() - begin;
            WARN(threads << " threads: " << static_cast<unsigned>(threads * each / took.count())
                         << (queue ? " adds/s" : " deliveries/s"));
        }
    }
    const TemporaryDirectory root;
    Spool spool(*disk, Layout(root.path()), clock);
    const auto first = add(spool, {"x@a.example"}).value();
    Queued envelope = spool.load(first).value();
    for (unsigned count = 0; count < 100'000; ++count) {
        envelope.id = "waiting." + std::to_string(count);
        const std::string domain = "d" + std::to_string(count % 977) + ".example";
        const auto message_path = root / ("queue/" + message_file(envelope.id));
        const auto path = root / ("queue/" + envelope_file(envelope.id, 1795411214 + count % 9999, domain));
        if (!disk->create(message_path) || !(*disk->create(path))->write(to_text(envelope))) std::abort();
    }
    for (int round = 0; round < 3; ++round) {
        Spool fresh(*disk, Layout(root.path()), clock);
        auto begin = std::chrono::steady_clock::now();
        const auto due = fresh.list();
        const Seconds listed = std::chrono::steady_clock::now() - begin;
        begin = std::chrono::steady_clock::now();
        for (unsigned count = 0; count < 1000; ++count)
            if (!fresh.load((*due)[count * 100].id)) std::abort();
        const Seconds loaded = std::chrono::steady_clock::now() - begin;
        Spool operators(*disk, Layout(root.path()), clock);
        begin = std::chrono::steady_clock::now();
        REQUIRE(operators.load((*due)[5000].id));
        const Seconds found = std::chrono::steady_clock::now() - begin;
        WARN(due->size() << " listed in " << listed.count() * 1000 << " ms; a load "
                         << loaded.count() * 1000 << " us; the first of a fresh process "
                         << found.count() * 1000 << " ms");
    }
    auto begin = std::chrono::steady_clock::now();
    for (unsigned count = 0; count < 500; ++count)
        if (!add(spool, {"x@a.example"})) std::abort();
    WARN("beside 100,000 waiting, one thread: "
         << 500 / Seconds(std::chrono::steady_clock::now() - begin).count() << " adds/s");
    begin = std::chrono::steady_clock::now();
    REQUIRE(spool.reschedule_all(clock.wall()));
    WARN("retry --all: " << Seconds(std::chrono::steady_clock::now() - begin).count() << " s");
}
