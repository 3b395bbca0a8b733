#include "store/content_hash.hpp"

#include <fmt/format.h>

namespace mailhandler::store {

void ContentHash::add(std::string_view octets) {
    auto [first, second] = lanes_;
    for (const char each : octets) {
        const auto octet = static_cast<unsigned char>(each);
        first = (first ^ octet) * 0x100000001b3u;  // FNV-1a
        second = (second + octet) * 0x9ddfea08eb382d69u;
        second ^= second >> 29;
    }
    lanes_ = {first, second};
}

std::string ContentHash::text() const {
    return fmt::format("{:016x}{:016x}", lanes_[0], lanes_[1]);
}

std::string hash_of(std::initializer_list<std::string_view> texts) {
    ContentHash hash;
    for (const std::string_view text : texts) {
        hash.add(text);
        hash.add(std::string_view("\0", 1));
    }
    return hash.text();
}

}  // namespace mailhandler::store
