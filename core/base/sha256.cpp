#include "base/sha256.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace mailhandler {

namespace {

constexpr std::size_t block_size = 64;  // octets, FIPS 180-4 section 1

// FIPS 180-4 section 4.2.2.
constexpr std::array<std::uint32_t, 64> constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

std::string_view octets_of(const Sha256Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// FIPS 180-4 section 6.2.2.
void Sha256::mix(const unsigned char* octets) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t t = 0; t < 16; ++t)
        w[t] = std::uint32_t{octets[4 * t]} << 24 | std::uint32_t{octets[4 * t + 1]} << 16 |
               std::uint32_t{octets[4 * t + 2]} << 8 | std::uint32_t{octets[4 * t + 3]};
    for (std::size_t t = 16; t < 64; ++t) {
        const std::uint32_t x = w[t - 15], y = w[t - 2];
        w[t] = w[t - 16] + (std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3) + w[t - 7] +
               (std::rotr(y, 17) ^ std::rotr(y, 19) ^ y >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t t = 0; t < 64; ++t) {
        const std::uint32_t first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                    ((e & f) ^ (~e & g)) + constants[t] + w[t];
        const std::uint32_t second = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                                     ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    state_[0] += a, state_[1] += b, state_[2] += c, state_[3] += d;
    state_[4] += e, state_[5] += f, state_[6] += g, state_[7] += h;
}

void Sha256::add(std::string_view octets) {
    const auto* from = reinterpret_cast<const unsigned char*>(octets.data());
    std::size_t left = octets.size();
    const std::size_t filled = length_ % block_size;
    length_ += left;
    if (filled != 0) {
        const std::size_t taken = std::min(left, block_size - filled);
        std::copy_n(from, taken, block_.begin() + static_cast<std::ptrdiff_t>(filled));
        from += taken;
        left -= taken;
        if (filled + taken < block_size) return;
        mix(block_.data());
    }
    for (; left >= block_size; from += block_size, left -= block_size) mix(from);
    std::copy_n(from, left, block_.begin());
}

Sha256Digest Sha256::digest() {
    // FIPS 180-4 section 5.1.1: a one bit, zeros, the length in bits.
    const std::uint64_t bits = length_ * 8;
    std::string tail("\x80");
    tail.append((block_size + 55 - length_ % block_size) % block_size, '\0');
    for (int shift = 56; shift >= 0; shift -= 8) tail += static_cast<char>(bits >> shift);
    add(tail);
    Sha256Digest digest;
    for (std::size_t i = 0; i < digest.size(); ++i)
        digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

Sha256Digest sha256(std::string_view octets) {
    Sha256 hash;
    hash.add(octets);
    return hash.digest();
}

HmacSha256::HmacSha256(std::string_view key) {
    std::string padded(key);
    if (key.size() > block_size) padded = octets_of(sha256(key));
    padded.resize(block_size, '\0');
    std::string inner, outer;
    for (const char c : padded) {
        inner += static_cast<char>(c ^ 0x36);
        outer += static_cast<char>(c ^ 0x5c);
    }
    inner_.add(inner);
    outer_.add(outer);
}

Sha256Digest HmacSha256::operator()(std::string_view octets) const {
    Sha256 inner = inner_, outer = outer_;
    inner.add(octets);
    outer.add(octets_of(inner.digest()));
    return outer.digest();
}

Sha256Digest pbkdf2_sha256(std::string_view password, std::string_view salt,
                           std::uint32_t iterations) {
    const HmacSha256 hmac(password);
    Sha256Digest u = hmac(std::string(salt).append("\0\0\0\1", 4));  // INT(1)
    Sha256Digest sum = u;
    for (std::uint32_t i = 1; i < iterations; ++i) {
        u = hmac(octets_of(u));
        for (std::size_t k = 0; k < sum.size(); ++k) sum[k] ^= u[k];
    }
    return sum;
}

}  // namespace mailhandler
