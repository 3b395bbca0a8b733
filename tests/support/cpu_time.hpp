// How much a piece of work costs, told apart from how busy the machine is.
#pragma once

#include <chrono>
#include <ctime>

namespace mailhandler::test {

// Processor time of this thread, the least of `times` runs.
template <class Work>
std::chrono::nanoseconds cpu_time(Work&& work, int times = 3) {
    const auto now = [] {
        timespec spent{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
        return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
    };
    auto least = std::chrono::nanoseconds::max();
    for (int i = 0; i < times; ++i) {
        const std::chrono::nanoseconds began = now();
        work();
        least = std::min<std::chrono::nanoseconds>(least, now() - began);
    }
    return least;
}

}  // namespace mailhandler::test
