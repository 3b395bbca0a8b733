// What the queue leaves behind: halves are swept away, and the files of messages that have gone are
// used again without showing anything of them.
#include <catch2/catch.hpp>
#include <cerrno>

#include "a_queue.hpp"

using namespace a_queue;

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
