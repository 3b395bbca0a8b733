// A promise that a fuzzer looks at: broken, it is a crash.
#pragma once

#include <cstdlib>

inline void require(bool holds) {
    if (!holds) std::abort();
}
