#include "agent/allowance.hpp"

namespace mailhandler::agent {

namespace {

constexpr auto period = std::chrono::hours(1);
constexpr auto grain = std::chrono::minutes(1);

}  // namespace

bool Allowance::take(const std::string& who, std::size_t most, Instant now) {
    if (most == 0) return true;
    const std::lock_guard lock(mutex_);
    sweep(now);
    Minutes& minutes = taken_[who];
    while (!minutes.empty() && minutes.front().first + period <= now) minutes.pop_front();
    std::size_t sum = 0;
    for (const auto& [when, count] : minutes) sum += count;
    if (sum >= most) return false;
    if (minutes.empty() || minutes.back().first + grain <= now) minutes.emplace_back(now, 0);
    ++minutes.back().second;
    return true;
}

// Forgets who has not written for an hour.
void Allowance::sweep(Instant now) {
    if (swept_ + period > now) return;
    swept_ = now;
    std::erase_if(taken_, [now](const auto& entry) {
        return entry.second.empty() || entry.second.back().first + grain + period <= now;
    });
}

}  // namespace mailhandler::agent
