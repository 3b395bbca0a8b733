// How fast the queue is on a real disk, asked for by build/tests/test_store "[bench]".
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "a_queue.hpp"
#include "store/spool_envelope.hpp"
#include "support/temporary_directory.hpp"

using namespace a_queue;

TEST_CASE("How many messages a second the queue takes on, and how long 100,000 take to list",
          "[.bench]") {
    const auto disk = disk::system_disk();
    const SystemClock clock;
    const std::string message(4096, 'x');
    using Seconds = std::chrono::duration<double>;
    for (const unsigned threads : {1u, 8u, 32u}) {
        const test::TemporaryDirectory root;
        Spool spool(*disk, Layout(root.path()), clock);
        Store store(*disk);
        for (const bool queue : {true, false}) {
            const unsigned each = 2000 / threads;
            const auto begin = std::chrono::steady_clock::now();
            std::vector<std::thread> pool;
            for (unsigned thread = 0; thread < threads; ++thread) {
                pool.emplace_back([&, thread] {
                    for (unsigned count = 0; count < each; ++count) {
                        if (queue) {
                            if (!spool.add(envelope_to({"x@a.example"}), {}, nullptr, message))
                                std::abort();
                            continue;
                        }
                        std::vector<Delivery> one;
                        one.push_back(*Delivery::write(
                            *disk, root / "mail/example.com/anne",
                            std::to_string(thread) + '.' + std::to_string(count), {}, nullptr,
                            message));
                        if (!store.commit(std::move(one))) std::abort();
                    }
                });
            }
            for (std::thread& thread : pool) thread.join();
            const Seconds took = std::chrono::steady_clock::now() - begin;
            WARN(threads << " threads: " << static_cast<unsigned>(threads * each / took.count())
                         << (queue ? " adds/s" : " deliveries/s"));
        }
    }
    const test::TemporaryDirectory root;
    Spool spool(*disk, Layout(root.path()), clock);
    const auto first = add(spool, {"x@a.example"}).value();
    Queued envelope = spool.load(first).value();
    for (unsigned count = 0; count < 100'000; ++count) {
        envelope.id = "waiting." + std::to_string(count);
        const std::string domain = "d" + std::to_string(count % 977) + ".example";
        const auto path = root / ("queue/" + message_file(envelope.id, 1795411214 + count % 9999, domain));
        if (!(*disk->create(path))->write(message_head(envelope).value())) std::abort();
    }
    for (int round = 0; round < 3; ++round) {
        Spool fresh(*disk, Layout(root.path()), clock);
        auto begin = std::chrono::steady_clock::now();
        const auto due = fresh.list();
        const Seconds listed = std::chrono::steady_clock::now() - begin;
        begin = std::chrono::steady_clock::now();
        for (unsigned count = 0; count < 1000; ++count)
            if (!fresh.load((*due)[count * 100].id)) std::abort();
        const Seconds loaded = std::chrono::steady_clock::now() - begin;
        Spool operators(*disk, Layout(root.path()), clock);
        begin = std::chrono::steady_clock::now();
        REQUIRE(operators.load((*due)[5000].id));
        const Seconds found = std::chrono::steady_clock::now() - begin;
        WARN(due->size() << " listed in " << listed.count() * 1000 << " ms; a load "
                         << loaded.count() * 1000 << " us; the first of a fresh process "
                         << found.count() * 1000 << " ms");
    }
    auto begin = std::chrono::steady_clock::now();
    for (unsigned count = 0; count < 500; ++count)
        if (!add(spool, {"x@a.example"})) std::abort();
    WARN("beside 100,000 waiting, one thread: "
         << 500 / Seconds(std::chrono::steady_clock::now() - begin).count() << " adds/s");
    begin = std::chrono::steady_clock::now();
    REQUIRE(spool.reschedule_all(clock.wall()));
    WARN("retry --all: " << Seconds(std::chrono::steady_clock::now() - begin).count() << " s");
}
