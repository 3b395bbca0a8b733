// CRC-32 (the polynomial of IEEE 802.3): tells a record that was written from one that was not.
#pragma once

#include <cstdint>
#include <string_view>

namespace mailhandler::store {

// Of `octets`, going on from what was summed before them.
std::uint32_t crc32(std::string_view octets, std::uint32_t begun = 0);

// A plain struct as it lies in memory, which is how our own files have it.
template <class Plain>
std::string_view octets_of(const Plain& plain) {
    return {reinterpret_cast<const char*>(&plain), sizeof plain};
}

}  // namespace mailhandler::store
