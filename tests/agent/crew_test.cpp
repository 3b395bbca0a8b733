#include "agent/crew.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace mailhandler::agent;

namespace {

// Threads that help, and are waited for.
struct Helpers {
    std::vector<std::thread> threads;
    Offer offer = [this](std::function<void()> work) {
        threads.emplace_back(std::move(work));
        return true;
    };
    ~Helpers() {
        for (auto& each : threads) each.join();
    }
};

}  // namespace

TEST_CASE("work that is shared out is done once each, with helpers and without") {
    for (const bool helped : {false, true}) {
        std::vector<std::atomic<int>> done(1000);
        Helpers helpers;
        const auto piece = [&](std::size_t index) { return ++done[index], true; };
        CHECK(share_out(helped ? helpers.offer : Offer(), done.size(), piece) == done.size());
        for (const auto& each : done) CHECK(each == 1);
    }
    CHECK(share_out({}, 0, [](std::size_t) { return true; }) == 0);
}

TEST_CASE("work that is shared out ends where a piece says so, and all before it is done") {
    for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> done(1000);
        Helpers helpers;
        const auto piece = [&](std::size_t index) { return ++done[index], index < 300; };
        const std::size_t count = share_out(helpers.offer, done.size(), piece);
        CHECK(count > 300);
        CHECK(count < 310);
        for (std::size_t i = 0; i < done.size(); ++i) CHECK(done[i] == (i < count ? 1 : 0));
    }
}

TEST_CASE("a helper that comes late does nothing, and an exception reaches who shared out") {
    std::vector<std::function<void()>> late;
    const Offer keep = [&](std::function<void()> work) { return late.push_back(std::move(work)), true; };
    int done = 0;
    CHECK(share_out(keep, 100, [&](std::size_t) { return ++done, true; }) == 100);
    for (auto& each : late) each();
    CHECK(done == 100);
    Helpers helpers;
    const auto fails = [](std::size_t index) -> bool {
        if (index == 40) throw std::runtime_error("a bug");
        return true;
    };
    CHECK_THROWS_AS(share_out(helpers.offer, 100, fails), std::runtime_error);
}
