#include "agent/retry.hpp"

#include <algorithm>

namespace mailhandler::agent {

namespace {

constexpr std::chrono::seconds first_pause{60};
constexpr std::chrono::seconds second_pause{300};
constexpr std::chrono::seconds longest_pause{4 * 3600};
constexpr std::chrono::hours late_after{4};

}  // namespace

std::chrono::seconds pause_after(unsigned attempts, Random& random) {
    std::chrono::seconds pause = first_pause;
    if (attempts >= 2)
        pause = std::min(longest_pause, second_pause * (1 << std::min(attempts - 2, 10u)));
    const auto quarter = pause.count() / 4;
    const auto extra = static_cast<std::int64_t>(random.bits() % (2u * quarter + 1u));
    return pause + std::chrono::seconds(extra - quarter);
}

WallTime next_attempt(WallTime arrived, WallTime now, unsigned attempts,
                      std::chrono::seconds retry_for, Random& random) {
    const WallTime next = now + pause_after(attempts, random);
    // A clock that was set back must not make a message wait for ever; nor be tried at once again.
    return std::max(now + std::chrono::seconds(1), std::min(next, arrived + retry_for));
}

bool given_up(WallTime arrived, WallTime now, std::chrono::seconds retry_for) {
    return now >= arrived + retry_for;
}

bool is_late(WallTime arrived, WallTime now) { return now >= arrived + late_after; }

}  // namespace mailhandler::agent
