#include "base/random.hpp"

#include <stdexcept>
#include <sys/random.h>

namespace mailhandler {

std::uint64_t SystemRandom::bits() {
    std::uint64_t value = 0;
    // 8 octets are always delivered whole once the pool is ready (getrandom(2)).
    if (getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value))
        throw std::runtime_error("getrandom failed");
    return value;
}

std::string random_text(Random& random, std::size_t count) {
    static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string text;
    text.reserve(count);
    while (text.size() < count) {
        std::uint64_t bits = random.bits();
        for (int i = 0; i < 8 && text.size() < count; ++i, bits >>= 8) {
            const unsigned octet = bits & 0xff;
            if (octet < 252) text += alphabet[octet % 36];  // 252 = 7 × 36: no bias
        }
    }
    return text;
}

}  // namespace mailhandler
