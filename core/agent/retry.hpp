// When a message that could not be handed over is tried again, and when it is given up
// (RFC 5321 section 4.5.4.1). Pure.
#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace mailhandler::agent {

// Before the first retry and the next ones: about 1, 5, 10, 20, 40, 80, 160 minutes, then 4 hours,
// each a quarter more or less at random, so that what failed together does not return together.
// `attempts` counts those that were made, from 1.
std::chrono::seconds pause_after(unsigned attempts, Random& random);

// The next attempt after one at `now`: never behind the end of `retry_for`, so that the last one is
// made when time is up. Nothing to be tried any more: given_up() is asked first.
WallTime next_attempt(WallTime arrived, WallTime now, unsigned attempts,
                      std::chrono::seconds retry_for, Random& random);

// Its time is over: what is still owed has failed.
bool given_up(WallTime arrived, WallTime now, std::chrono::seconds retry_for);

// The sender is to be told once that the message is late.
bool is_late(WallTime arrived, WallTime now);

}  // namespace mailhandler::agent
