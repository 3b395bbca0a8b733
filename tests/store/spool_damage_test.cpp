// One bad file in the queue's directory, one fault of its disk, is told and stops nobody: the other
// messages go on, and what failed once can be tried again.
#include <catch2/catch.hpp>
#include <cerrno>

#include "a_queue.hpp"
#include "store/spool_envelope.hpp"

using namespace a_queue;

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
    for (const char* name : {"notes.txt", "a.msg", "a,b,c.msg", "a,01,x.msg", "a,-1,x.msg", "a,-0,x.msg",
                             "a,1,X.msg", "a,1,.msg", ",1,x.msg", "a,99999999999,x.msg"})
        REQUIRE(disk.create(std::string("/root/queue/") + name, 0600));
    std::vector<Fault> damaged;
    const auto due = spool.list(&damaged);
    REQUIRE(due);
    CHECK(due->size() == 1);
    CHECK(damaged.size() == 9);
    CHECK(spool.load("../x").error().error == ENOENT);
    CHECK(spool.open("../../etc/passwd").error().error == ENOENT);
    CHECK(spool.remove("").error().error == ENOENT);
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
