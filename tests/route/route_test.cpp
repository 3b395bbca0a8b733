#include <catch2/catch.hpp>

#include "route/made.hpp"

using namespace made;

namespace {

const std::string none = "550 5.1.1 No such address here";
const std::string relay = "550 5.7.1 Relaying denied";

Maker office() {
    return Maker("example.com")
        .deliver()
        .mailbox("anne")
        .alias("info", {"anne", "bob@elsewhere.example"})
        .bouncer("john", "John has left")
        .bouncer("mary", "", 2026y / 11 / 22)
        .bouncer("anne+spam")
        .mailbox("mary")
        .mailbox("O'Neil")
        .mailbox("a+b");
}

}  // namespace

TEST_CASE("The most particular rule decides") {
    const Directory d = directory({office(), Maker("new.example")});
    const std::pair<const char*, std::string> table[] = {
        {"anne@example.com", "mailbox anne@example.com"},
        {"ANNE@Example.COM", "mailbox anne@example.com"},
        {"\"anne\"@example.com", "mailbox anne@example.com"},
        {"anne+news@example.com", "mailbox anne@example.com"},
        {"anne+spam@example.com", "550 5.1.1 This address is no longer in use"},
        {"anne+spam+more@example.com", "mailbox anne@example.com"},
        {"a+b@example.com", "mailbox a+b@example.com"},
        {"a+c@example.com", "mailbox @default of example.com"},
        {"+anne@example.com", "mailbox @default of example.com"},
        {"info@example.com", "mailbox anne@example.com, forward bob@elsewhere.example"},
        {"john@example.com", "550 5.1.1 John has left"},
        {"john+x@example.com", "550 5.1.1 John has left"},
        {"mary@example.com", "mailbox mary@example.com"},
        {"zzz@example.com", "mailbox @default of example.com"},
        {"\"../../etc\"@example.com", "mailbox @default of example.com"},
        {"zzz@new.example", none},
        {"zzz@sub.example.com", relay},
        {"zzz@other.example", relay},
        {"zzz@[192.0.2.1]", relay},
    };
    for (const auto& [address, want] : table) {
        INFO(address);
        CHECK(told(d, address) == want);
    }
}

TEST_CASE("A bouncer is in force through its last day and afterwards as if it were not there") {
    const Directory d =
        directory({Maker("x.example").deliver().bouncer("mary", "gone", 2026y / 11 / 22)});
    CHECK(told(d, "mary@x.example", 2026y / 11 / 21) == "550 5.1.1 gone");
    CHECK(told(d, "mary@x.example", 2026y / 11 / 22) == "550 5.1.1 gone");
    CHECK(told(d, "mary@x.example", 2026y / 11 / 23) == "mailbox @default of x.example");
    CHECK(way(d, "mary@x.example") == "bouncer-expired:2, default-deliver:1");
    CHECK(way(d, "mary+x@x.example") == "tag:0, bouncer-expired:2, default-deliver:1");
}

TEST_CASE("A default rejects with its words, or forwards") {
    const Directory d = directory(
        {Maker("a.example").reject("Nobody of that name"),
         Maker("b.example").forward({"o@far.example", "p@far.example", "o@far.example"}),
         Maker("c.example").forward({"kim@d.example", "lee@d.example"}),
         Maker("d.example").deliver().mailbox("kim"), Maker("e.example").forward({"x@f.example"}),
         Maker("f.example").forward({"y@e.example"}), Maker("g.example").forward({"y@a.example"}),
         Maker("h.example").forward({})});
    CHECK(told(d, "x@a.example") == "550 5.1.1 Nobody of that name");
    CHECK(told(d, "x@b.example") == "forward o@far.example, forward p@far.example");
    CHECK(told(d, "x@c.example") == "mailbox kim@d.example, mailbox @default of d.example");
    CHECK(told(d, "x@e.example") == "451 4.3.5");
    CHECK(told(d, "x@g.example") == "550 5.1.1 All targets of this address refuse mail");
    CHECK(told(d, "x@h.example") == "451 4.3.5");
}

TEST_CASE("An alias's target never falls into a catch-all unless it says so") {
    const Directory d = directory({Maker("x.example")
                                       .deliver()
                                       .mailbox("anne")
                                       .bouncer("john", "gone")
                                       .bouncer("jim", "left")
                                       .alias("one", {"anne", "nobody", "john"})
                                       .alias("two", {"nobody"})
                                       .alias("three", {"john", "jim"})
                                       .alias("four", {"@default", "anne"})
                                       .alias("five", {"one", "ANNE", "anne+x", "four"})
                                       .alias("six", {"anne", "who@broken.example"})
                                       .alias("seven", {"who@other.example"})
                                       .alias("eight", {"kim@other.example"})
                                       .alias("loop", {"pool", "anne"})
                                       .alias("pool", {"loop"})
                                       .alias("self", {"self"})
                                       .alias("nine", {"carol", "nobody"})
                                       .elsewhere("carol"),
                                   Maker("broken.example").broken(),
                                   Maker("other.example").deliver().mailbox("kim"),
                                   Maker("r.example").alias("all", {"@default"})});
    const std::pair<const char*, std::string> table[] = {
        {"one", "mailbox anne@x.example"},
        {"two", "550 5.1.1 All targets of this address refuse mail"},
        {"three", "550 5.1.1 gone"},
        {"four", "mailbox @default of x.example, mailbox anne@x.example"},
        {"five", "mailbox anne@x.example, mailbox @default of x.example"},
        {"six", "451 4.3.5"},
        {"seven", "550 5.1.1 All targets of this address refuse mail"},
        {"eight", "mailbox kim@other.example"},
        {"loop", "mailbox anne@x.example"},
        {"pool", "mailbox anne@x.example"},
        {"self", "451 4.3.5"},
        {"self+tag", "451 4.3.5"},
        {"nine", "forward carol@x.example"},
        {"carol", "550 5.1.6 This address lives at another host of its domain"},
        {"carol+x", "550 5.1.6 This address lives at another host of its domain"},
    };
    for (const auto& [local, want] : table) {
        INFO(local);
        CHECK(told(d, std::string(local) + "@x.example") == want);
    }
    CHECK(told(d, "all@r.example") == "550 5.1.1 All targets of this address refuse mail");
    const Route carol = route::route(d, addr("carol@x.example"), today);
    CHECK(std::get<Refuse>(carol.outcome).why == Why::elsewhere);
}

TEST_CASE("Aliases that fan out and in again are walked once each, and a chain has an end") {
    Maker maker("x.example");
    maker.mailbox("end");
    for (int i = 0; i < 60; ++i) {
        const std::string next = i == 59 ? "end" : "a" + std::to_string(i + 1);
        maker.alias("a" + std::to_string(i), {next, next, next + "+x"});
    }
    for (int i = 0; i < 5000; ++i)
        maker.alias("c" + std::to_string(i), {"c" + std::to_string(i + 1)});
    maker.alias("c5000", {"end"});
    const Directory d = directory({maker});
    CHECK(told(d, "a0@x.example") == "mailbox end@x.example");
    CHECK(told(d, "c4950@x.example") == "mailbox end@x.example");
    CHECK(told(d, "c0@x.example") == "451 4.3.5");
}

TEST_CASE("A parent speaks for the subdomains that have no file of their own") {
    const Directory d = directory(
        {Maker("example.com").deliver().subdomains().mailbox("anne").alias("info", {"anne"}),
         Maker("own.example.com").reject(), Maker("broken.example").broken(),
         Maker("near.example.com").reject()});
    CHECK(told(d, "anne@sales.example.com") == "mailbox anne@example.com");
    CHECK(told(d, "anne+x@a.b.c.example.com") == "mailbox anne@example.com");
    CHECK(told(d, "zzz@sales.example.com") == "mailbox @default of example.com");
    CHECK(told(d, "anne@own.example.com") == none);
    CHECK(told(d, "anne@deep.near.example.com") == "mailbox anne@example.com");
    CHECK(told(d, "anne@badexample.com") == relay);
    CHECK(told(d, "anne@com") == relay);
    CHECK(told(d, "anne@broken.example") == "451 4.3.5");
    CHECK(told(d, "postmaster@broken.example") == "451 4.3.5");
    CHECK(told(d, "anne@sub.broken.example") == "451 4.3.5");
    const auto delivered = [&](const char* address) {
        const Route route = route::route(d, addr(address), today);
        return std::get<ToMailbox>(std::get<Deliver>(route.outcome).to.at(0)).delivered_to.given();
    };
    CHECK(delivered("Zzz@sales.Example.com") == "Zzz@sales.Example.com");
    CHECK(delivered("Anne+x@sales.example.com") == "Anne@sales.example.com");
    CHECK(delivered("info+x@sales.example.com") == "anne@example.com");
    CHECK(way(d, "zzz@own.example.com") == "default-reject:1, (subdomains:2)");
    CHECK(way(d, "anne@sales.example.com") == "subdomains:2, mailbox:3, (default-deliver:1)");
}

TEST_CASE("Postmaster is never refused") {
    const Directory d =
        directory({Maker("own.example").mailbox("Postmaster"),
                   Maker("deliver.example").deliver().bouncer("postmaster"),
                   Maker("forward.example").forward({"x@far.example"}), Maker("new.example"),
                   Maker("refusing.example").alias("postmaster", {"john"}).bouncer("john"),
                   Maker("self.example").alias("postmaster", {"postmaster"}),
                   Maker("back.example").forward({"x@new.example"}),
                   Maker("sub.example").mailbox("postmaster").subdomains()});
    const std::pair<const char*, const char*> table[] = {
        {"postmaster@own.example", "mailbox postmaster@own.example"},
        {"POSTMASTER+x@own.example", "mailbox postmaster@own.example"},
        {"postmaster@deliver.example", "mailbox @default of deliver.example"},
        {"postmaster@forward.example", "forward x@far.example"},
        {"postmaster@new.example", "mailbox @default of new.example"},
        {"postmaster@refusing.example", "mailbox @default of refusing.example"},
        {"postmaster@self.example", "mailbox @default of self.example"},
        {"postmaster@back.example", "mailbox @default of back.example"},
        {"postmaster@any.sub.example", "mailbox postmaster@sub.example"},
        {"postmaster@other.example", "550 5.7.1 Relaying denied"},
        {"PostMaster", "mailbox @default of back.example"},
    };
    for (const auto& [address, want] : table) {
        INFO(address);
        CHECK(told(d, address) == want);
    }
    const Maker fresh("new.example"), own = Maker("own.example").mailbox("postmaster");
    CHECK(told(directory({fresh, own}, "me@far.example"), "postmaster@new.example") ==
          "forward me@far.example");
    CHECK(told(directory({fresh, own}, "x@own.example"), "postmaster@new.example") ==
          "mailbox @default of new.example");
    CHECK(told(directory({fresh, own}, "postmaster@own.example"), "postmaster@new.example") ==
          "mailbox postmaster@own.example");
    CHECK(told(directory({fresh}, "postmaster@new.example"), "postmaster@new.example") ==
          "mailbox @default of new.example");
    CHECK(told(directory({fresh, own}, "", "mail.own.example"), "Postmaster") ==
          "mailbox postmaster@own.example");
    CHECK(told(directory({fresh}, "me@far.example", "mx.elsewhere.example"), "postmaster") ==
          "forward me@far.example");
    CHECK(told(directory({}, "me@far.example"), "postmaster") == "forward me@far.example");
    CHECK(told(directory({}), "postmaster") == "451 4.3.5");
    const Maker both = Maker("own.example").alias("both", {"postmaster", "postmaster@new.example"});
    CHECK(told(directory({fresh, both}, "me@far.example"), "both@own.example") ==
          "forward me@far.example");
}

TEST_CASE("What a rule shadows is listed last") {
    const Directory d = directory({Maker("x.example")
                                       .deliver()
                                       .mailbox("anne")
                                       .alias("Anne", {"bob"})
                                       .bouncer("anne+x")
                                       .mailbox("bob")
                                       .bouncer("bob")
                                       .alias("bob+y", {"anne"})});
    CHECK(way(d, "anne@x.example") == "mailbox:2, (alias:3), (default-deliver:1)");
    CHECK(way(d, "anne+x@x.example") == "bouncer:5, (mailbox:2), (alias:3), (default-deliver:1)");
    CHECK(way(d, "bob@x.example") == "bouncer:7, (mailbox:6), (default-deliver:1)");
    CHECK(way(d, "zzz@x.example") == "default-deliver:1");
    CHECK(way(d, "bob+y@x.example") ==
          "alias:8, mailbox:2, (bouncer:7), (mailbox:6), (default-deliver:1)");
}

TEST_CASE("One changed domain makes a new directory and leaves the old one") {
    const Directory before = directory({Maker("x.example")});
    const Directory after = before.with(
        "y.example", std::make_shared<const Domain>(Maker("y.example").deliver().domain));
    CHECK(told(before, "a@y.example") == relay);
    CHECK(told(after, "a@y.example") == "mailbox @default of y.example");
    CHECK(told(after.with("x.example", nullptr), "a@x.example") == relay);
}
