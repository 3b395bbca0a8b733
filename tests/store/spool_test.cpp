// The outbound queue: nothing taken on is lost, nothing torn is sent, what was removed stays removed,
// and one bad file stops nobody. Each guarantee has a saboteur that must be caught.
#include "store/spool.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include <atomic>
#include <chrono>
#include <thread>

#include "store/spool_envelope.hpp"
#include "support/cut_each_step.hpp"
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
    auto message = spool.open(id);
    if (!message) return message.error().cause;
    std::string text(1000, '\0');
    text.resize(message->read_at(0, text.data(), text.size()).value());
    return text;
}

std::size_t files_like(const ForgetfulDisk& disk, std::string_view end) {
    std::size_t count = 0;
    for (const auto& [path, text] : disk.files()) count += path.ends_with(end);
    return count;
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
    const std::string line = "queued 1 00000002\n";
    for (const std::string& bad :
         {std::string(), std::string("{"), line, line + "{}", line + "[]",
          std::string("queued 1 99999999\n{}"), std::string("queued 1 0000000x\n{}"),
          std::string("queued 2 00000002\n{}"), std::string("\xff\xfe")}) {
        for (const bool changed : {false, true}) {
            ForgetfulDisk disk;
            SetClock clock;
            Spool spool(disk, layout, clock);
            const auto torn = add(spool, {"x@a.example"}).value();
            const auto whole = add(spool, {"x@b.example"}).value();
            if (changed) REQUIRE(spool.update(spool.load(torn).value()));
            for (const auto& [path, text] : disk.files()) {
                if (!path.starts_with("/root/queue/" + torn)) continue;
                if (changed && !path.ends_with(".env")) continue;
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
}

TEST_CASE("A message under another's name is damaged, and not sent for it") {
    ForgetfulDisk disk;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const auto one = add(spool, {"x@a.example"}).value(), other = add(spool, {"x@b.example"}).value();
    const auto name = [&](const std::string& id, const char* domain) {
        return "/root/queue/" + message_file(id, 1795411214, domain);
    };
    REQUIRE(disk.rename(name(one, "a.example"), name(other, "b.example")));
    CHECK(spool.load(other).error().error == EBADMSG);
}

TEST_CASE("Foreign names are told, not listed") {
    ForgetfulDisk disk;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const auto id = add(spool, {"x@a.example"}).value();
    for (const char* name : {"notes.txt", "a.msg", "a,b,c.msg", "a,01,x.msg", "a,-1,x.msg",
                             "a,1,X.msg", "a,1,.msg", ",1,x.msg", "a,99999999999,x.msg"})
        REQUIRE(disk.create(std::string("/root/queue/") + name, 0600));
    std::vector<Fault> damaged;
    const auto due = spool.list(&damaged);
    REQUIRE(due);
    CHECK(due->size() == 1);
    CHECK(damaged.size() == 8);
    CHECK(spool.load("../x").error().error == ENOENT);
    CHECK(spool.open("../../etc/passwd").error().error == ENOENT);
    CHECK(spool.remove("").error().error == ENOENT);
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
        CHECK(disk.files().size() == left + 1);  // and the lock
    }
}

TEST_CASE("What was added to an envelope goes with its message, also after a crash between the two") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock);
    REQUIRE(spool.sweep());
    const auto gone = add(spool, {"x@a.example"}).value(), stays = add(spool, {"x@b.example"}).value();
    for (const auto& id : {gone, stays}) REQUIRE(spool.update(spool.load(id).value()));
    CHECK(files_like(disk, ".env") == 2);
    const std::size_t before = disk.steps();
    disk.cut_at(before + 3);  // the .env
    REQUIRE(spool.remove(gone));
    disk.kill();
    SetClock later;
    later.time += 61min;
    Spool next(disk, layout, later);
    CHECK(files_like(disk, ".env") == 2);
    CHECK(next.sweep().value() == 1);
    CHECK(ids(next) == std::vector{stays});
    REQUIRE(next.remove(stays));
    CHECK(files_like(disk, ".env") == 0);
}

// --- files that are used again ------------------------------------------------------------

TEST_CASE("A message that has gone leaves its file to the next one, which shows nothing of it") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock);
    const auto before = add(spool, {"x@a.example"}).value();
    REQUIRE(spool.remove(before));
    CHECK(files_like(disk, ".spare") == 0);  // not before sweep(): another process may have them
    REQUIRE(spool.sweep());
    const std::string longer(3000, 'l');
    const auto first = spool.add(envelope_to({"x@a.example"}), {}, nullptr, longer).value();
    REQUIRE(spool.remove(first));
    CHECK(files_like(disk, ".spare") == 1);
    const std::size_t steps = disk.steps();
    const auto second = add(spool, {"y@b.example"}).value();
    for (std::size_t step = steps + 1; step <= disk.steps(); ++step)
        CHECK_FALSE(disk.step_name(step).starts_with("create"));
    CHECK(files_like(disk, ".spare") == 0);
    CHECK(content(spool, second) == body);
    CHECK(owed_text(spool.load(second).value()) == "y@b.example 0");
    REQUIRE(spool.remove(second));
    SetClock later;
    later.time += 1s;
    Spool next(disk, layout, later);
    REQUIRE(next.sweep());  // what an earlier run had
    const auto third = next.add(envelope_to({"z@c.example"}), {}, nullptr, longer + longer).value();
    CHECK(files_like(disk, ".spare") == 0);
    CHECK(content(next, third).size() == 1000);
    CHECK(next.load(third)->size == 6000);
}

TEST_CASE("Large files and more than enough are removed, and what somebody took is not missed") {
    ForgetfulDisk disk;
    SetClock clock;
    Spool spool(disk, layout, clock);
    REQUIRE(spool.sweep());
    const std::string large(Spares::largest, 'l');
    REQUIRE(spool.remove(spool.add(envelope_to({"x@a.example"}), {}, nullptr, large).value()));
    CHECK(files_like(disk, ".spare") == 0);
    std::vector<std::string> many;
    for (std::size_t count = 0; count < Spares::most + 3; ++count)
        many.push_back(add(spool, {"x@a.example"}).value());
    for (const auto& id : many) REQUIRE(spool.remove(id));
    CHECK(files_like(disk, ".spare") == Spares::most);
    for (const auto& [path, text] : disk.files())
        if (path.ends_with(".spare")) REQUIRE(disk.remove(path));
    CHECK(add(spool, {"x@a.example"}));
}

TEST_CASE("A fault while a spare file is written over is temporary, and harms no other message") {
    const SetClock clock;
    for (std::size_t step = 1; step <= 4; ++step) {
        ForgetfulDisk disk;
        Spool spool(disk, layout, clock);
        REQUIRE(spool.sweep());
        const auto other = add(spool, {"x@a.example"}).value();
        REQUIRE(spool.remove(add(spool, {"x@b.example"}).value()));
        disk.fail_at(disk.steps() + step, EIO);
        const auto id = add(spool, {"x@c.example"});
        INFO(disk.step_name(disk.steps()));
        REQUIRE_FALSE(id);
        CHECK(id.error().temporary);
        CHECK(ids(spool) == std::vector{other});
        CHECK(content(spool, other) == body);
        CHECK(add(spool, {"x@c.example"}));
    }
}

// --- a disk that forgets ------------------------------------------------------------------

namespace {

// What the one who uses the queue was told, so what must be true after a crash.
struct Told {
    std::vector<std::string> taken;    // ids
    std::vector<bool> leaving, gone;   // of each: its removal was begun, was told
    bool updated = false;              // of the first
};

// Each message's own words, with its name as ENVID: a file that is another's shows.
std::string words(const std::string& name) { return "Subject: " + name + "\r\n\r\n" + body; }

Result<std::string> add_named(Spool& spool, const std::string& name) {
    Queued envelope = envelope_to({name, "y@d.example"});
    envelope.sender.envid = name;
    return spool.add(std::move(envelope), {}, nullptr, words(name));
}

bool take(Spool& spool, Told& told, const std::string& name) {
    const auto id = add_named(spool, name);
    if (!id) return false;
    told.taken.push_back(*id);
    told.leaving.push_back(false);
    told.gone.push_back(false);
    return true;
}

bool let_go(Spool& spool, Told& told, std::size_t which) {
    told.leaving[which] = true;
    return told.gone[which] = spool.remove(told.taken[which]).has_value();
}

// The queue's life: of three messages the first is updated twice, the second removed; its file is the
// fourth's. The third is removed and the fourth, whose files are the fifth's and the sixth's.
bool live_on(disk::Disk& disk, Told& told) {
    SetClock clock;
    Spool spool(disk, layout, clock);
    if (!spool.sweep()) return false;
    for (const char* name : {"x@a.example", "x@b.example", "x@c.example"})
        if (!take(spool, told, name)) return false;
    auto envelope = spool.load(told.taken[0]);
    if (!envelope) return false;
    envelope->attempts = 1;
    envelope->next_attempt = clock.time + 60s;
    if (!spool.update(*envelope)) return false;
    envelope->attempts = 2;
    envelope->owed.erase(envelope->owed.begin());
    envelope->next_attempt = clock.time + 3600s;
    told.updated = spool.update(*envelope).has_value();
    return told.updated && let_go(spool, told, 1) && take(spool, told, "a-longer-one@d.example") &&
           let_go(spool, told, 2) && let_go(spool, told, 3) && take(spool, told, "x@e.example") &&
           take(spool, told, "x@f.example");
}

Told live(disk::Disk& disk) {
    Told told;
    live_on(disk, told);
    return told;
}

// Nothing taken on is lost, torn or another's; nothing that has gone is there.
std::string judge(Spool& spool, const Told& told, WallTime now) {
    std::vector<Fault> damaged;
    const auto due = spool.list(&damaged);
    if (!due) return due.error().text();
    if (!damaged.empty()) return damaged.front().text();
    for (std::size_t each = 0; each < told.taken.size(); ++each) {
        const std::string& id = told.taken[each];
        const auto count = std::count_if(due->begin(), due->end(),
                                         [&](const Spool::Due& one) { return one.id == id; });
        if (count > 1) return "two names of one id";
        if (told.gone[each] && count == 1) return "removed and there again";
        if (!told.leaving[each] && count != 1) return "lost: " + std::to_string(each);
    }
    for (const Spool::Due& one : *due) {
        const auto envelope = spool.load(one.id);
        if (!envelope) return "torn envelope: " + envelope.error().text();
        if (content(spool, one.id) != words(envelope->sender.envid)) return "torn message";
        const bool first = !told.taken.empty() && one.id == told.taken[0];
        if (first && told.updated && owed_text(*envelope) != "y@d.example 2") return "old envelope";
        if (first && told.updated && one.next_attempt != now + 3600s) return "old schedule";
    }
    return {};
}

// Also of the next run, which takes files up that are there.
std::string verdict(disk::Disk& disk, const Told& told) {
    SetClock clock;
    const WallTime begun = clock.time;
    {
        Spool spool(disk, layout, clock);
        if (const std::string wrong = judge(spool, told, begun); !wrong.empty()) return wrong;
    }
    clock.time += 2h;
    Spool spool(disk, layout, clock);
    if (!spool.sweep()) return "cannot be swept";
    Told both = told;
    for (const char* name : {"n@a.example", "n@b.example", "n@c.example"})
        if (!take(spool, both, name)) return "takes nothing on";
    return judge(spool, both, begun);
}

using Life = Told (*)(disk::Disk&);

std::string cut_everywhere(Life life, std::optional<Survives> survives, std::uint32_t seeds,
                           test::Sabotage sabotage = [](ForgetfulDisk&) {}) {
    ForgetfulDisk whole;
    const Told all = life(whole);
    if (all.taken.size() < 6) return "it does not work at all";
    return test::cut_each_step(whole, seeds, sabotage, [&](ForgetfulDisk& disk, auto seed) {
        const Told told = life(disk);
        survives ? disk.crash(*survives, seed) : disk.kill();
        return verdict(disk, told);
    });
}

// The saboteur who takes a file for the next message before its own is durably gone.
Told take_too_early(disk::Disk& disk) {
    Told told;
    if (!live_on(disk, told)) return told;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const auto all = spool.list();
    if (!all) return told;
    const auto due = std::find_if(all->begin(), all->end(),
                                  [&](const auto& one) { return one.id == told.taken[4]; });
    if (due == all->end()) return told;
    const std::string old = "/root/queue/" + message_file(due->id, 1795411214, "e.example");
    Queued next = envelope_to({"x@g.example"});
    next.id = "zz.a";
    next.sender.envid = "x@g.example";
    next.size = words("x@g.example").size();
    const std::string spare = "/root/queue/99.spare";
    told.leaving[4] = true;
    if (!disk.rename(old, spare)) return told;
    auto file = disk.overwrite(spare);
    if (!file || !(*file)->write(message_head(next).value()) ||
        !(*file)->write(words("x@g.example")) || !(*file)->sync() ||
        !disk.rename(spare, "/root/queue/" + message_file(next.id, 5, "g.example")) ||
        !disk.sync_directory("/root/queue"))
        return told;
    told.gone[4] = true;
    return told;
}

// The saboteur who replaces a name by another one and then removes the old one.
Told remove_old_name(disk::Disk& disk) {
    Told told;
    if (!live_on(disk, told)) return told;
    const std::string old = "/root/queue/" + message_file(told.taken[4], 1795411214, "e.example");
    const std::string next = "/root/queue/" + message_file(told.taken[4], 1795411299, "e.example");
    const auto text = disk::read_file(disk, old);
    auto file = disk.create(next + ".new");
    if (!text || !file || !(*file)->write(*text) || !(*file)->sync()) return told;
    if (!disk.rename(next + ".new", next) || !disk.remove(old)) return told;
    (void)disk.sync_directory("/root/queue");
    return told;
}

// The saboteur who removes what was added to an envelope before its message has gone.
Told remove_env_first(disk::Disk& disk) {
    Told told;
    if (!live_on(disk, told)) return told;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    if (!disk.remove("/root/queue/" + changed_file(told.taken[0])) ||
        !disk.sync_directory("/root/queue"))
        return told;
    let_go(spool, told, 0);
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

TEST_CASE("The check finds whoever writes over a file before its message is durably gone") {
    CHECK(cut_everywhere(take_too_early, Survives::synced, 1) != "");
    CHECK(cut_everywhere(take_too_early, Survives::journal, 20) != "");
}

TEST_CASE("The check finds whoever removes the later envelope before the message") {
    CHECK(cut_everywhere(remove_env_first, Survives::synced, 1) != "");
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
        auto copy = spool.staged(envelope, "example.com", {body});
        if (!copy) return false;
        std::vector<Collected> batch;
        batch.push_back({id, body.size(), "hash", {std::move(*copy)}, clock.time});
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
    Spool spool(*disk, here, clock), other(*disk, here, clock, "other");
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
        const auto path = root / ("queue/" + message_file(envelope.id, 1795411214 + count % 9999, domain));
        if (!(*disk->create(path))->write(message_head(envelope).value())) std::abort();
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
