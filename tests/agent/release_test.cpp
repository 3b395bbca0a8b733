// Held mail released: sorted by today's files, delivered once, and held until then.
#include "agent/release.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "agent/held_review.hpp"
#include "mail/stamp.hpp"
#include "office.hpp"
#include "support/queued_octets.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using office::Office;

namespace {

const std::string body = "Received: by host.example; date\r\nSubject: hello\r\n\r\nbody\r\n";
const std::string sender = "Return-Path: <sam@sender.example>\r\n";

struct Desk : Office {
    std::optional<config::Fetch> todays = settings;
    Release::World world() {
        return {disk,
                layout,
                domains,
                office::today,
                clock,
                names,
                [this](const std::string&) { return todays; }};
    }
    Released release(const std::string& id, const std::string& to = {}) {
        return release(world(), id, to);
    }
    // Where there is a queue.
    Released release_into(store::Spool& spool, const std::string& id) {
        const mail::Srs srs({"a secret of some length"});
        auto queueing = world();
        queueing.spool = &spool, queueing.srs = &srs, queueing.hostname = "mail.office.example";
        return release(queueing, id, {});
    }
    Released release(const Release::World& in, const std::string& id, const std::string& to) {
        store::Held held(disk, layout);
        auto released = Release(in).release(
            held, id,
            to.empty() ? std::optional<mail::Address>() : mail::Address::parse(to).value());
        REQUIRE(released);
        disk.crash();
        return std::move(*released);
    }
    std::vector<std::string> ids() { return store::Held(disk, layout).ids().value(); }
    std::vector<std::string> mail(const std::string& mailbox) {
        std::vector<std::string> found;
        for (const auto& [path, content] : disk.files())
            if (path.starts_with("/root/mail/" + mailbox + "/new/")) found.push_back(content);
        return found;
    }
};

}  // namespace

TEST_CASE("a recipient who exists by now gets the mail that was held, once") {
    Desk desk;
    desk.collect("X-Rcpt-To: zzz@example.com, anne@example.com\r\n" + sender + body);
    REQUIRE(desk.ids().size() == 1);
    const std::string id = desk.ids()[0];
    const auto still = desk.release(id);
    CHECK_FALSE(still.done);
    CHECK(still.why.starts_with("zzz@example.com: 550 5.1.1 No such person"));
    CHECK(desk.ids() == std::vector<std::string>{id});

    desk.domains = office::directory("[mailbox.zzz]\n");
    const auto released = desk.release(id);
    CHECK(released.done);
    CHECK(desk.ids().empty());
    CHECK(desk.mail("example.com/zzz") ==
          std::vector<std::string>{mail::envelope_lines("zzz@example.com", "zzz@example.com") +
                                   sender + body});
    CHECK(desk.mail("example.com/anne").size() == 1);
    store::Held held(desk.disk, desk.layout);
    CHECK(Release(desk.world()).release(held, id, {}).error().error == ENOENT);
}

TEST_CASE("--to sends it to somebody else") {
    Desk desk;
    desk.collect(sender + body);
    desk.collect("X-Rcpt-To: a@far.example\r\n" + sender + body);
    for (const std::string& id : desk.ids()) {
        CHECK_FALSE(desk.release(id, "nobody@example.com").done);
        CHECK(desk.release(id, "bob@example.com").done);
    }
    const auto mail = desk.mail("example.com/bob");
    CHECK(mail.size() == 2);
    for (const std::string& copy : mail)
        CHECK(copy == mail::envelope_lines("bob@example.com", "bob@example.com") + sender + body);
}

TEST_CASE("a header that was mended sorts the whole message, but for those served before") {
    Desk desk;
    desk.collect("X-Who: anne@example.com, bob@example.com\r\n" + sender + body);
    desk.collect("X-Rcpt-To: anne@example.com, Bob\r\n" + sender + body);
    REQUIRE(desk.ids().size() == 2);
    const std::string missing = desk.ids()[0], junk = desk.ids()[1];
    CHECK_FALSE(desk.release(missing).done);
    desk.todays = office::fetch("headers = [\"X-Who\", \"X-Rcpt-To\"]\n");
    CHECK(desk.release(missing).done);
    CHECK(desk.mail("example.com/anne").size() == 2);
    CHECK(desk.mail("example.com/bob").size() == 1);
    CHECK_FALSE(desk.release(junk).done);  // anne has hers
    CHECK(desk.mail("example.com/anne").size() == 2);
}

TEST_CASE("one end of an alias that was held does not serve the others again") {
    Desk desk;
    desk.collect("X-Rcpt-To: info@example.com\r\n" + sender + body);
    REQUIRE(desk.ids().size() == 1);
    CHECK_FALSE(desk.release(desk.ids()[0]).done);
    route::Directory::Domains domains = desk.domains.domains();
    domains["far.example"] =
        office::domain("far.example", "[default]\naction = \"reject\"\n[mailbox.friend]\n");
    desk.domains = route::Directory(domains);
    CHECK(desk.release(desk.ids()[0]).done);
    CHECK(desk.mail("example.com/anne").size() == 1);
    REQUIRE(desk.mail("far.example/friend").size() == 1);
    CHECK(desk.mail("far.example/friend")[0] ==
          mail::envelope_lines("info@example.com", "friend@far.example") + sender + body);
}

TEST_CASE("what is to go on elsewhere goes into the queue, to the one target that was not served") {
    Desk desk;
    desk.collect("X-Rcpt-To: info@example.com\r\n" + sender + body);
    const std::string id = desk.ids().at(0);
    store::Spool spool(desk.disk, desk.layout, desk.clock, "n");
    CHECK(desk.release_into(spool, id).done);
    CHECK(desk.ids().empty());
    CHECK(desk.mail("example.com/anne").size() == 1);
    const auto due = store::Spool(desk.disk, desk.layout, desk.clock, "n").list().value();
    REQUIRE(due.size() == 1);
    const auto envelope = spool.load(due[0].id).value();
    CHECK(envelope.owed.at(0).recipient.address.given() == "friend@far.example");
    CHECK(envelope.owed.at(0).original == "info@example.com");
    CHECK(envelope.original_sender == "sam@sender.example");
}

TEST_CASE("what another local server takes goes to it by the queue") {
    Desk desk;
    desk.collect("X-Rcpt-To: zzz@example.com\r\n" + sender + body);
    const std::string id = desk.ids().at(0);
    desk.domains = office::directory("[mailbox.zzz]\ndeliver = \"lmtp://127.0.0.1:24\"\n");
    const auto still = desk.release(id);  // where there is no queue
    CHECK(still.why == "only fetch hands mail to lmtp://127.0.0.1:24");
    store::Spool spool(desk.disk, desk.layout, desk.clock, "n");
    CHECK(desk.release_into(spool, id).done);
    CHECK(desk.ids().empty());
    const auto due = store::Spool(desk.disk, desk.layout, desk.clock, "n").list().value();
    REQUIRE(due.size() == 1);
    CHECK(due[0].destination == "lmtp://127.0.0.1:24");
    const auto envelope = spool.load(due[0].id).value();
    CHECK(envelope.kind == store::Queued::Kind::handover);
    CHECK(envelope.sender.text() == "sam@sender.example");
    CHECK(envelope.owed.at(0).recipient.address.given() == "zzz@example.com");
    CHECK(test::queued_octets(spool, due[0].id) ==
          mail::envelope_lines("zzz@example.com", "zzz@example.com") + body);
}

TEST_CASE("what of a released message cannot be placed is held anew") {
    Desk desk;
    desk.collect("X-Who: anne@example.com, zzz@example.com\r\n" + sender + body);
    const std::string id = desk.ids().at(0);
    desk.todays = office::fetch("headers = [\"X-Who\"]\n");
    const auto released = desk.release(id);
    CHECK(released.done);
    CHECK(released.held_again);
    REQUIRE(desk.ids().size() == 1);
    CHECK(desk.ids()[0] != id);
    store::Held held(desk.disk, desk.layout);
    CHECK(held.open(desk.ids()[0])->note.recipient == "zzz@example.com");
    CHECK(desk.mail("example.com/anne").size() == 1);
}

TEST_CASE("a message larger than its head in memory is released whole") {
    Desk desk;
    const std::string large = body + std::string(3'000'000, 'x');
    desk.collect("X-Rcpt-To: zzz@example.com\r\n" + large);
    CHECK(desk.release(desk.ids().at(0), "anne@example.com").done);
    CHECK(desk.mail("example.com/anne").at(0) ==
          mail::envelope_lines("anne@example.com", "anne@example.com") + large);
}

TEST_CASE("a full mailbox keeps the message held, and so does a fetch file that is gone") {
    Desk desk;
    desk.collect("X-Rcpt-To: zzz@example.com\r\n" + body);
    desk.domains = office::directory("[mailbox.zzz]\nquota = \"10\"\n");
    const std::string id = desk.ids().at(0);
    CHECK(desk.release(id).why == "the mailbox zzz@example.com is full");
    CHECK(desk.ids().size() == 1);
    desk.domains = office::directory();
    desk.todays.reset();
    CHECK_FALSE(desk.release(id).done);
    CHECK(desk.release(id, "anne@example.com").done);
}

TEST_CASE("cut anywhere, a release neither loses the message nor forgets to hold it") {
    for (std::size_t step = 1;; ++step) {
        Desk desk;
        desk.collect("X-Rcpt-To: zzz@example.com\r\n" + body);
        desk.domains = office::directory("[mailbox.zzz]\n");
        const std::string id = desk.ids().at(0);
        desk.disk.cut_at(desk.disk.steps() + step);
        {
            store::Held held(desk.disk, desk.layout);
            (void)Release(desk.world()).release(held, id, {});
        }
        const bool finished = !desk.disk.is_cut();
        desk.disk.crash();
        INFO(desk.disk.step_name(step));
        CHECK(desk.mail("example.com/zzz").size() + desk.ids().size() >= 1);
        if (finished) break;
    }
}

TEST_CASE("held mail is grouped by reason, with what would mend it") {
    HeldReview review;
    const auto add = [&](const std::string& reason, const std::string& recipient, int when) {
        store::HeldNote note;
        note.id = "id" + std::to_string(when);
        note.reason = reason;
        note.recipient = recipient;
        note.when = WallTime(std::chrono::seconds(when));
        note.size = 10;
        note.fetch = "office";
        note.text = "text " + std::to_string(when);
        review.add(note);
    };
    add("missing-header", "", 5);
    for (int i = 0; i < 5; ++i)
        add("would-bounce", "z z" + std::to_string(i) + "@example.com", 20 - i);
    const auto groups = review.groups();
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].reason == "would-bounce");
    CHECK(groups[0].messages == 5);
    CHECK(groups[0].octets == 50);
    CHECK(groups[0].first == "id16");
    CHECK(groups[0].samples.size() == HeldReview::most_samples);
    CHECK(groups[0].more);
    CHECK(groups[0].remedies() ==
          std::vector<std::string>{"mailhandler add-mailbox 'z z0@example.com'",
                                   "mailhandler add-alias 'z z0@example.com' TARGET",
                                   "mailhandler held release --all --reason would-bounce"});
    CHECK(groups[1].remedies().at(0) ==
          "set 'headers' (or 'trust') in fetch/office.toml to what "
          "'mailhandler held show id5' shows");
    for (const char* reason : {"foreign-domain", "elsewhere", "would-forward", "poison",
                               "never-bounce", "unusable-header", "unknown", "unreadable"}) {
        HeldGroup group;
        group.reason = reason;
        CHECK_FALSE(group.remedies().empty());
    }
}

TEST_CASE("the postmaster is told once a day what came to be held") {
    Desk desk;
    const SummaryWorld world{desk.disk,  desk.layout, desk.domains,
                             desk.clock, desk.names,  "mail.example.com"};
    CHECK_FALSE(deliver_due_summary(world).value());
    desk.collect("X-Rcpt-To: \"x\\\r\n y\"@example.com, zzz@example.com\r\n" + body);
    CHECK(deliver_due_summary(world).value());
    CHECK_FALSE(deliver_due_summary(world).value());
    desk.disk.crash();
    const auto mail = desk.mail("example.com/boss");
    REQUIRE(mail.size() == 1);
    CHECK(mail[0].starts_with(mail::stamp("", "postmaster@example.com", "boss@example.com")));
    CHECK_THAT(mail[0], Catch::Contains("Subject: 2 messages are held\r\n"));
    CHECK_THAT(mail[0], Catch::Contains("Auto-Submitted: auto-generated\r\n"));
    CHECK_THAT(mail[0], Catch::Contains("  > mailhandler add-mailbox '\"x\\ y\"@example.com'\r\n"));
    desk.clock.set(desk.clock.wall() + std::chrono::hours(25));
    CHECK_FALSE(deliver_due_summary(world).value());  // nothing new
    desk.collect("X-Rcpt-To: yyy@example.com\r\n" + body);
    CHECK(deliver_due_summary(world).value());
    CHECK(desk.mail("example.com/boss").size() == 2);
}
