// A power cut, a kill at every step of what a test does on a disk that forgets.
#pragma once

#include <cstdint>
#include <string>

#include "support/forgetful_disk.hpp"

namespace mailhandler::test {

// What is done to a disk before anything else: nothing, or what a check has to find.
using Sabotage = void (*)(ForgetfulDisk&);

// `trial(disk, seed)` does what was done to `whole`, on a disk that ends at one of its steps or
// right after the last; then it crashes that disk and says what is wrong with what is left, "" for
// nothing. It is run for each step and seed, until something is.
template <class Trial>
std::string cut_each_step(const ForgetfulDisk& whole, std::uint32_t seeds, Sabotage sabotage,
                          Trial trial) {
    for (std::size_t step = 1; step <= whole.steps() + 1; ++step) {
        for (std::uint32_t seed = 0; seed < seeds; ++seed) {
            ForgetfulDisk disk;
            sabotage(disk);
            disk.cut_at(step);
            const std::string wrong = trial(disk, seed);
            if (!wrong.empty()) return wrong + " after " + whole.step_name(step);
        }
    }
    return {};
}

}  // namespace mailhandler::test
