#include "store/checksum.hpp"

#include <array>

namespace mailhandler::store {

namespace {

constexpr std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        made[i] = value;
    }
    return made;
}();

}  // namespace

std::uint32_t crc32(std::string_view octets, std::uint32_t begun) {
    std::uint32_t value = ~begun;
    for (const char octet : octets)
        value = value >> 8 ^ table[(value ^ static_cast<unsigned char>(octet)) & 255];
    return ~value;
}

}  // namespace mailhandler::store
