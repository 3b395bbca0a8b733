// Randomness as an argument: file names, back-off jitter, secrets.
#pragma once

#include <cstdint>
#include <string>

namespace mailhandler {

class Random {
  public:
    virtual ~Random() = default;
    // 64 unpredictable bits.
    virtual std::uint64_t bits() = 0;
};

// getrandom(2). Safe to call from several threads.
class SystemRandom final : public Random {
  public:
    std::uint64_t bits() override;
};

// `count` characters of a-z0-9, about 5.17 bits each.
std::string random_text(Random& random, std::size_t count);

}  // namespace mailhandler
