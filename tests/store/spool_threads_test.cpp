// One queue used by many threads at once.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "a_queue.hpp"
#include "support/temporary_directory.hpp"

using namespace a_queue;

TEST_CASE("Many threads add, update and remove while another lists, and every listing is exact") {
    const test::TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const Layout here(root.path());
    const SystemClock clock;
    Spool spool(*disk, here, clock), other(*disk, here, clock, "other");
    REQUIRE(spool.sweep());
    std::vector<std::string> steady;
    for (int count = 0; count < 20; ++count) steady.push_back(add(spool, {"x@a.example"}).value());
    std::atomic<bool> end{false};
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (unsigned count = 0; count < 30; ++count) {
                auto envelope = spool.load(steady[thread * 5 + count % 5]);
                if (!envelope) {
                    ++wrong;
                    continue;
                }
                envelope->attempts = count;
                envelope->next_attempt = clock.wall() + std::chrono::seconds(count);
                wrong += !spool.update(*envelope);
                const auto id = add(count % 2 ? spool : other, {"y@b.example"});
                wrong += !id || !spool.load(*id) || !other.remove(*id);
            }
        });
    }
    std::thread lister([&] {
        while (!end) {
            const auto due = other.list();
            const auto held = [&](const std::string& id) {
                return std::count_if(due->begin(), due->end(),
                                     [&](const auto& one) { return one.id == id; });
            };
            for (const auto& id : steady) wrong += !due || held(id) != 1;
            for (const auto& id : steady) wrong += !other.load(id);
        }
    });
    for (std::thread& thread : threads) thread.join();
    end = true;
    lister.join();
    CHECK(wrong == 0);
    CHECK(spool.list().value().size() == steady.size());
}
