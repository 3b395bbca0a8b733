#include "agent/forward.hpp"

#include <catch2/catch.hpp>

#include "mailroom.hpp"
#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;

namespace {

const WallTime now{std::chrono::seconds(1'795'411'214)};

mail::Address address(std::string_view text) { return mail::Address::parse_sender(text).value(); }

mail::Sender sender(std::string_view text) {
    mail::Sender from;
    if (!text.empty()) from.address = address(text);
    return from;
}

route::Directory ours() {
    auto domain =
        config::parse_domain("[mailbox.anne]\n", "domains/ours.example.toml", "ours.example");
    return route::Directory(
        {{"ours.example", std::make_shared<const route::Domain>(std::move(*domain.value))}});
}

struct Counting final : Random {
    std::uint64_t bits() override { return state += 0x9e3779b97f4a7c15; }
    std::uint64_t state = 1;
};

}  // namespace

TEST_CASE("A copy that leaves has a sender of ours and the address it was sent to above it") {
    const mail::Srs srs({"a secret of some length"});
    auto from = sender("anne@their.example");
    from.size = 100, from.envid = "E";
    mail::Recipient recipient{address("Info+x@ours.example"), {}, "rfc822;info"};
    recipient.notify.given = recipient.notify.delay = true;
    const mail::Address targets[] = {address("bob@elsewhere.example"),
                                     address("eve@third.example")};
    const auto copy =
        forward(srs, from, recipient, address("info@ours.example"), targets, now).value();
    CHECK(copy.lines ==
          "X-Rcpt-To: Info+x@ours.example\r\nX-POP3-Rcpt: Info+x@ours.example\r\n"
          "Delivered-To: info@ours.example\r\n");
    const auto& envelope = copy.envelope;
    CHECK(envelope.kind == store::Queued::Kind::forward);
    CHECK(envelope.original_sender == "anne@their.example");
    CHECK(envelope.sender.address->domain() == "ours.example");
    CHECK(srs.reverse(*envelope.sender.address, now).value().given() == "anne@their.example");
    CHECK_FALSE(envelope.sender.size);
    CHECK(envelope.sender.envid == "E");
    CHECK_FALSE(envelope.authenticated);
    REQUIRE(envelope.owed.size() == 2);
    CHECK(envelope.owed[1].recipient.address.given() == "eve@third.example");
    CHECK(envelope.owed[1].original == "Info+x@ours.example");
    CHECK(envelope.owed[1].recipient.notify.delay);
    CHECK(envelope.owed[1].recipient.orcpt == "rfc822;info");

    const auto bounce =
        forward(srs, sender(""), recipient, address("info@ours.example"), targets, now).value();
    CHECK_FALSE(bounce.envelope.sender.address);
    CHECK(bounce.envelope.original_sender.empty());
    CHECK_FALSE(forward(srs, sender(std::string(500, 'a') + "@their.example"), recipient,
                        address("info@ours.example"), targets, now));
}

TEST_CASE("A bounce comes back to the sender we rewrote, and nothing else passes that way") {
    const mail::Srs srs({"a secret of some length"});
    const auto directory = ours();
    const auto there = srs.forward(address("anne@their.example"), "ours.example", now).value();
    const auto ask = [&](std::string_view from, const mail::Address& to,
                         WallTime when = now) -> std::string {
        const auto answer = returning(srs, directory, sender(from), to, when);
        if (!answer) return "not asked";
        return *answer ? (*answer)->given()
                       : std::to_string(answer->error().code) + ' ' + answer->error().enhanced;
    };
    CHECK(ask("", there) == "anne@their.example");
    CHECK(ask("x@y.example", there) == "550 5.1.1");
    CHECK(ask("", there, now + std::chrono::hours(22 * 24)) == "550 5.1.1");
    CHECK(ask("", address("SRS0=abcd=EF=their.example=anne@ours.example")) == "550 5.1.1");
    CHECK(ask("", address("SRS0=abcd=EF=their.example=anne@elsewhere.example")) == "not asked");
    CHECK(ask("", address("anne@ours.example")) == "not asked");
    const auto envelope = returned(sender(""), {there, {}, {}}, address("anne@their.example"), now);
    CHECK(envelope.kind == store::Queued::Kind::relay);
    CHECK_FALSE(envelope.sender.address);
    CHECK(envelope.owed.at(0).recipient.address.given() == "anne@their.example");
}

TEST_CASE("The SRS secret is made once, survives a crash, and is never overwritten") {
    test::ForgetfulDisk disk;
    const store::Layout layout("/r");
    Counting random;
    const auto there = load_srs(disk, layout, random)
                           .value()
                           .forward(address("a@x.example"), "ours.example", now)
                           .value();
    disk.crash();
    CHECK(load_srs(disk, layout, random).value().reverse(there, now));
    const std::string path = layout.state_dir() + "/srs.secret";
    CHECK(disk.status(path).value().mode == 0600);

    const std::string old = disk::read_file(disk, path).value();
    REQUIRE(disk::replace_file(disk, path, "a newer secret of ours\n" + old));
    const auto both = load_srs(disk, layout, random).value();
    CHECK(both.reverse(there, now));
    CHECK(both.forward(address("a@x.example"), "ours.example", now).value() != there);
    for (const std::string bad : {"", "\n", "short\n"}) {
        REQUIRE(disk::replace_file(disk, path, bad));
        const auto loaded = load_srs(disk, layout, random);
        REQUIRE_FALSE(loaded);
        CHECK_FALSE(loaded.error().temporary);
        CHECK(disk::read_file(disk, path).value() == bad);
    }
}
