#include "agent/logins.hpp"

#include <catch2/catch.hpp>

#include "agent/password.hpp"
#include "support/cpu_time.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;

namespace {

class StoppedClock final : public Clock {
  public:
    Instant now() const override { return now_; }
    WallTime wall() const override { return {}; }
    Instant now_{};
};

std::string hash_of_secret() {
    SystemRandom random;
    return *hash_password("secret", random);
}

route::Directory directory(const std::string& hash) {
    auto domain = std::make_shared<route::Domain>();
    domain->name = "example.com";
    domain->fallback.action = route::Default::Action::deliver;
    domain->fallback.password = hash;
    domain->fallback.quota = 7;
    route::Mailbox anne;
    anne.key = anne.spelling = "anne";
    anne.password = hash;
    domain->mailboxes["anne"] = anne;
    route::Mailbox bob;
    bob.key = bob.spelling = "bob";  // no password: nobody can log in
    domain->mailboxes["bob"] = bob;
    return route::Directory({{"example.com", domain}});
}

}  // namespace

TEST_CASE("The default mailbox is the domain's name, with or without an @") {
    StoppedClock clock;
    Logins logins(clock);
    const auto here = directory(hash_of_secret());
    for (const char* login : {"example.com", "@example.com", "EXAMPLE.COM"}) {
        const auto account = logins.verify(here, login, "secret");
        REQUIRE(account);
        CHECK(account->mailbox.is_default());
        CHECK(account->quota == 7);
        CHECK_FALSE(account->leaving);
    }
}

TEST_CASE("A mailbox's login is its address, in any case, and only with its password") {
    StoppedClock clock;
    Logins logins(clock);
    const auto here = directory(hash_of_secret());
    REQUIRE(logins.verify(here, "Anne@Example.com", "secret"));
    CHECK(logins.verify(here, "anne@example.com", "secret")->mailbox.local() == "anne");
    CHECK_FALSE(logins.verify(here, "anne@example.com", "Secret"));
    CHECK_FALSE(logins.verify(here, "anne@example.com", ""));
    for (const char* login : {"bob@example.com", "nobody@example.com", "anne", "@", "", "example.org",
                              "anne@example.org", "anne+tag@example.com"})
        CHECK_FALSE(logins.verify(here, login, "secret"));
}

TEST_CASE("A remembered login is forgotten with its time, its password and its mailbox") {
    StoppedClock clock;
    Logins logins(clock, std::chrono::seconds(60));
    const auto here = directory(hash_of_secret());
    REQUIRE(logins.verify(here, "anne@example.com", "secret"));
    CHECK_FALSE(logins.verify(here, "anne@example.com", "wrong"));
    CHECK(logins.verify(here, "anne@example.com", "secret"));
    SystemRandom random;
    const auto changed = directory(*hash_password("other", random));
    CHECK_FALSE(logins.verify(changed, "anne@example.com", "secret"));
    CHECK_FALSE(logins.verify(route::Directory(), "anne@example.com", "secret"));
    clock.now_ += std::chrono::seconds(61);
    CHECK(logins.verify(here, "anne@example.com", "secret"));
}

TEST_CASE("A remembered login is cheap, and a refused one is not") {
    StoppedClock clock;
    Logins logins(clock);
    const auto here = directory(hash_of_secret());
    REQUIRE(logins.verify(here, "anne@example.com", "secret"));
    const auto cost = [&](const char* login, const char* password) {
        return test::cpu_time([&] { (void)logins.verify(here, login, password); });
    };
    const auto known = cost("anne@example.com", "secret");
    const auto wrong = cost("anne@example.com", "wrong");
    const auto nobody = cost("nobody@example.com", "wrong");
    CHECK(known * 3 < wrong);
    // Who does not exist must not be told by a quick answer.
    CHECK(nobody * 3 > wrong);
    CHECK(wrong * 3 > nobody);
}
