#include "run/housekeeping.hpp"

#include <catch2/catch.hpp>

#include "store/held.hpp"
#include "store/maildir_listing.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;

namespace {

class SetClock final : public Clock {
  public:
    Instant now() const override { return {}; }
    WallTime wall() const override { return wall_; }
    WallTime wall_ = std::chrono::system_clock::from_time_t(1795411214);
};

agent::Snapshot office() {
    auto server = std::make_shared<config::Server>();
    server->hostname = "office.example.com";
    server->held.keep = std::chrono::hours(48);
    auto domain = std::make_shared<route::Domain>();
    domain->name = "example.com";
    route::Mailbox postmaster;
    postmaster.key = postmaster.spelling = "postmaster";
    domain->mailboxes["postmaster"] = postmaster;
    return {server, route::Directory({{"example.com", domain}}, {}, 0, "office.example.com")};
}

}  // namespace

TEST_CASE("The postmaster hears of held mail once a day, and it goes when its time is up") {
    const test::TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const store::Layout layout(root.path());
    SetClock clock;
    store::UniqueNames names(clock, "test", 1);
    const agent::Snapshot snapshot = office();
    const auto read = [&] {
        return store::list_maildir(*disk, layout.mail_dir() + "/example.com/postmaster")->size();
    };
    const auto house = [&] { run::keep_house(*disk, layout, snapshot, clock, names, Log()); };
    REQUIRE(disk::make_directories(*disk, layout.state_dir()));

    house();
    CHECK(read() == 0);

    store::HeldNote note;
    note.id = names.next();
    note.when = clock.wall();
    note.reason = "missing-header";
    store::Held held(*disk, layout);
    const auto copy = store::copy_to_held(layout, "example.com", note, {"A: b\r\n\r\n"});
    REQUIRE(copy);
    REQUIRE(held.add(*copy));
    house();
    house();
    CHECK(read() == 1);
    CHECK(held.usage()->messages == 1);

    clock.wall_ += std::chrono::hours(49);
    house();
    CHECK(held.usage()->messages == 0);
    CHECK(read() == 1);  // nothing new was held
}
