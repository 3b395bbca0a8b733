// The queue beside local deliveries and beside fetch's ledger: what is committed together happens
// together, and exactly once.
#include <catch2/catch.hpp>
#include <cerrno>

#include "a_queue.hpp"
#include "store/ledger.hpp"

using namespace a_queue;

namespace {

const std::string anne = "/root/mail/example.com/anne";

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
