#include "watch/tally.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;
using namespace mailhandler::watch;
using namespace std::chrono_literals;

namespace {

const WallTime noon = std::chrono::sys_days{Date{std::chrono::year{2026}, std::chrono::month{11},
                                                 std::chrono::day{23}}} + 12h;

Event event(What what, std::string recipient, std::string rule, WallTime when = noon,
            std::string peer = "192.0.2.1") {
    Event made;
    made.what = what;
    made.when = when;
    made.peer = std::move(peer);
    made.recipient = std::move(recipient);
    made.rule = std::move(rule);
    made.domain = "example.com";
    made.size = 100;
    return made;
}

}  // namespace

TEST_CASE("an address has one history however it is spelt") {
    Tally tally;
    tally.add(event(What::accepted, "Anne@Example.com", "mailbox", noon + 1h));
    tally.add(event(What::accepted, "anne@example.com", "mailbox", noon));
    tally.add(event(What::deferred, "anne@EXAMPLE.COM", "mailbox", noon + 24h));
    const auto top = tally.defined().top();
    REQUIRE(top.size() == 1);
    CHECK(top[0].name == "anne@example.com");
    CHECK(top[0].counts.accepted == 2);
    CHECK(top[0].counts.deferred == 1);
    CHECK(top[0].counts.octets == 200);
    CHECK(top[0].first == noon);
    CHECK(top[0].last == noon + 24h);
    CHECK(tally.days().size() == 2);
    CHECK(tally.days().at("2026-11-23").accepted == 2);
}

TEST_CASE("guessed names are kept apart from defined addresses") {
    Tally tally;
    tally.add(event(What::accepted, "zzz@example.com", "default-deliver"));
    tally.add(event(What::refused, "yyy@example.com", "default-reject"));
    tally.add(event(What::refused, "john@example.com", "bouncer"));
    CHECK(tally.guessed().top().size() == 2);
    REQUIRE(tally.defined().top().size() == 1);
    CHECK(tally.defined().top()[0].rule == "bouncer");
    REQUIRE(tally.peers().top().size() == 1);
    CHECK(tally.peers().top()[0].guesses == 2);
    CHECK(tally.total().messages() == 3);
}

TEST_CASE("one domain or one address can be asked for") {
    Tally domain({"example.com", ""}), address({"", "anne@example.com"});
    for (Tally* tally : {&domain, &address}) {
        tally->add(event(What::accepted, "anne@example.com", "mailbox"));
        tally->add(event(What::accepted, "bob@example.com", "mailbox"));
        Event other = event(What::accepted, "anne@example.org", "mailbox");
        other.domain = "example.org";
        tally->add(other);
    }
    CHECK(domain.total().accepted == 2);
    CHECK(address.total().accepted == 1);
}

TEST_CASE("a million guesses stay within bounds and hide no address that is often written to") {
    Tally tally({}, 100);
    for (int i = 0; i < 20000; ++i) {
        tally.add(event(What::accepted, "guess" + std::to_string(i) + "@example.com",
                        "default-deliver", noon + std::chrono::seconds(i),
                        "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
        if (i % 50 == 0)
            tally.add(event(What::accepted, "sales@example.com", "default-deliver",
                            noon + std::chrono::seconds(i)));
    }
    const auto top = tally.guessed().top();
    CHECK(top.size() == 100);
    CHECK(top[0].name == "sales@example.com");
    CHECK(top[0].counts.accepted == 400);
    std::uint64_t kept = 0;
    for (const auto& history : top) kept += history.counts.accepted;
    CHECK(kept + tally.guessed().others().counts.accepted == 20400);
    CHECK(tally.guessed().others().names == 20001 - 100);
    CHECK(tally.peers().top().size() == 100);
    CHECK(tally.total().accepted == 20400);
}

TEST_CASE("starts and stops of the server are nobody's mail") {
    Tally tally;
    tally.add(event(What::started, "", ""));
    CHECK(tally.days().empty());
    CHECK(tally.peers().top().empty());
}

TEST_CASE("a login counts in an address's history and leaves the rule of its mail") {
    Tally tally;
    tally.add(event(What::accepted, "anne@example.com", "mailbox"));
    tally.add(event(What::login, "anne@example.com", "pop3", noon + std::chrono::seconds(1)));
    tally.add(event(What::login_failed, "anne@example.com", "pop3", noon + std::chrono::seconds(2)));
    REQUIRE(tally.defined().top().size() == 1);
    CHECK(tally.defined().top()[0].rule == "mailbox");
    CHECK(tally.defined().top()[0].counts.logins == 1);
    CHECK(tally.defined().top()[0].last == noon + std::chrono::seconds(2));
}
