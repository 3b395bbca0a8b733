#include <catch2/catch.hpp>

#include "route/made.hpp"

using namespace made;

namespace {

std::string findings(const Directory& d, const char* domain) {
    std::string text;
    for (const Finding& f : review(d, *d.find(domain)))
        text += f.file + ':' + std::to_string(f.line) + (f.error ? ": error: " : ": warning: ") +
                f.text + '\n';
    return text;
}

bool says(const std::string& all, const std::string& what) { return all.find(what) != all.npos; }

}  // namespace

TEST_CASE("Undefined targets are errors with their line") {
    const Directory d = directory(
        {Maker("x.example")
             .deliver()
             .mailbox("anne")
             .bouncer("john")
             .alias("a", {"anne", "nobody", "anne+x", "john"})
             .alias("b", {"x@y.example", "x@far.example", "x@z.example", "postmaster"}),
         Maker("y.example").deliver(), Maker("z.example").broken(),
         Maker("f.example").forward({"x@new.example", "x@y.example"}), Maker("new.example")});
    const std::string all = findings(d, "x.example");
    CHECK(says(all, "domains/x.example.toml:6: error: alias a: nobody is not defined"));
    CHECK(says(all, ":8: warning: alias a: john is a bouncer"));
    CHECK(says(all, ":10: error: alias b: x@y.example is not defined in domains/y.example.toml"));
    CHECK(std::count(all.begin(), all.end(), '\n') == 3);
    CHECK(says(findings(d, "f.example"), "error: forward: x@new.example is not defined"));
    CHECK(!says(findings(d, "f.example"), "y.example"));
}

TEST_CASE("Loops are told once, by a rule in each file they pass") {
    const Directory d = directory(
        {Maker("x.example")
             .mailbox("anne")
             .alias("a", {"b", "anne"})
             .alias("b", {"a+tag"})
             .alias("s", {"s"})
             .alias("t", {"u@y.example"})
             .alias("fine", {"a", "anne"}),
         Maker("y.example").alias("u", {"t@x.example"}).alias("v", {"u"}),
         Maker("e.example").forward({"x@f.example"}), Maker("f.example").forward({"y@e.example"}),
         Maker("g.example").forward({"a@x.example"})},
        "root@far.example");
    const std::string all = findings(d, "x.example");
    CHECK(std::count(all.begin(), all.end(), '\n') == 3);
    CHECK(says(all, "a loop: s@x.example → s@x.example"));
    CHECK(says(findings(d, "y.example"), "a loop: u@y.example → t@x.example → u@y.example"));
    CHECK(says(findings(d, "e.example"),
               "a loop: the default of e.example → the default of f.example"));
    CHECK(says(findings(d, "f.example"), "a loop: "));
    CHECK(findings(d, "g.example").empty());
}

TEST_CASE("Postmaster has somebody, and no bouncer") {
    const Maker fresh("new.example");
    CHECK(says(findings(directory({fresh}), "new.example"),
               "warning: nobody takes mail to postmaster@new.example"));
    CHECK(findings(directory({fresh}, "a@far.example"), "new.example").empty());
    CHECK(says(findings(directory({fresh}, "a@new.example"), "new.example"),
               "mailhandler.toml:7: error: postmaster: a@new.example"));
    CHECK(
        says(findings(directory({Maker("x.example").deliver().bouncer("Postmaster")}), "x.example"),
             ":2: error: postmaster can have no bouncer"));
}

TEST_CASE("Two definitions of one address name both lines") {
    const Directory d = directory({Maker("x.example")
                                       .deliver()
                                       .mailbox("anne")
                                       .alias("Anne", {"bob"})
                                       .mailbox("bob")
                                       .elsewhere("bob")});
    const std::string all = findings(d, "x.example");
    CHECK(says(all, ":3: error: Anne is defined twice: alias here, mailbox in line 2"));
    CHECK(says(all, ":6: error: bob is defined twice: elsewhere here, mailbox in line 5"));
}

TEST_CASE("A chain too long to be followed is an error, told once") {
    Maker maker("x.example");
    maker.deliver().mailbox("end");
    for (int i = 0; i < 3000; ++i)
        maker.alias("c" + std::to_string(i), {"c" + std::to_string(i + 1)});
    maker.alias("c3000", {"end"});
    const std::string all = findings(directory({maker}), "x.example");
    CHECK(says(all, "c2900@x.example leads through more than 100 aliases"));
    CHECK(std::count(all.begin(), all.end(), '\n') == 1);
    CHECK(told(directory({maker}), "c2900@x.example") == "451 4.3.5");
    CHECK(told(directory({maker}), "c2901@x.example") == "mailbox end@x.example");
}
