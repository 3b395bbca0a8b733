#include "net/pool.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>

using namespace mailhandler::net;

TEST_CASE("a pool takes an offer only where a thread is free for it") {
    Pool pool("test", 1);
    std::promise<void> begun, end;
    const auto wait = [&] {
        begun.set_value();
        end.get_future().wait();
    };
    while (!pool.offer(wait)) std::this_thread::yield();  // until the thread waits for work
    begun.get_future().wait();
    std::atomic<int> done{0};
    CHECK(!pool.offer([&] { ++done; }));
    pool.post([&] { ++done; });
    CHECK(!pool.offer([&] { ++done; }));
    end.set_value();
    pool.stop();
    CHECK(done == 1);
    CHECK(!pool.offer([&] { ++done; }));
}
