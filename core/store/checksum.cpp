#include "store/checksum.hpp"

#include <array>

namespace mailhandler::store {

namespace {

using Table = std::array<std::uint32_t, 256>;

// tables[n][octet]: what the octet makes of the checksum once n more octets of zeros have followed it.
constexpr std::array<Table, 8> tables = [] {
    std::array<Table, 8> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        made[0][i] = value;
    }
    for (std::size_t n = 1; n < made.size(); ++n)
        for (std::size_t i = 0; i < 256; ++i)
            made[n][i] = made[n - 1][i] >> 8 ^ made[0][made[n - 1][i] & 255];
    return made;
}();

}  // namespace

std::uint32_t crc32(std::string_view octets, std::uint32_t begun) {
    std::uint32_t value = ~begun;
    const auto at = [&](std::size_t i) { return std::uint32_t(static_cast<unsigned char>(octets[i])); };
    for (; octets.size() >= 8; octets.remove_prefix(8)) {
        value ^= at(0) | at(1) << 8 | at(2) << 16 | at(3) << 24;
        value = tables[7][value & 255] ^ tables[6][value >> 8 & 255] ^ tables[5][value >> 16 & 255] ^
                tables[4][value >> 24] ^ tables[3][at(4)] ^ tables[2][at(5)] ^ tables[1][at(6)] ^
                tables[0][at(7)];
    }
    for (const char octet : octets)
        value = value >> 8 ^ tables[0][(value ^ static_cast<unsigned char>(octet)) & 255];
    return ~value;
}

}  // namespace mailhandler::store
