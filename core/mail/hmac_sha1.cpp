#include "mail/hmac_sha1.hpp"

#include <bit>
#include <cstddef>
#include <string>

namespace mailhandler::mail {

namespace {

constexpr std::size_t block = 64;  // octets, FIPS 180-4 section 1

using State = std::array<std::uint32_t, 5>;

// FIPS 180-4 section 6.1.2.
void mix(State& state, const unsigned char* octets) {
    std::array<std::uint32_t, 80> w;
    for (std::size_t t = 0; t < 16; ++t)
        w[t] = std::uint32_t{octets[4 * t]} << 24 | std::uint32_t{octets[4 * t + 1]} << 16 |
               std::uint32_t{octets[4 * t + 2]} << 8 | std::uint32_t{octets[4 * t + 3]};
    for (std::size_t t = 16; t < 80; ++t)
        w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    auto [a, b, c, d, e] = state;
    for (std::size_t t = 0; t < 80; ++t) {
        std::uint32_t f = b ^ c ^ d, k = 0xca62c1d6;
        if (t < 20)
            f = (b & c) ^ (~b & d), k = 0x5a827999;
        else if (t < 40)
            k = 0x6ed9eba1;
        else if (t < 60)
            f = (b & c) ^ (b & d) ^ (c & d), k = 0x8f1bbcdc;
        const std::uint32_t next = std::rotl(a, 5) + f + e + k + w[t];
        e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

}  // namespace

Sha1Digest sha1(std::string_view octets) {
    // FIPS 180-4 section 5.1.1: a one bit, zeros, the length in bits.
    std::string padded(octets);
    padded += '\x80';
    padded.append((block + 56 - padded.size() % block) % block, '\0');
    const std::uint64_t bits = std::uint64_t{octets.size()} * 8;
    for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(bits >> shift);

    State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (std::size_t at = 0; at < padded.size(); at += block)
        mix(state, reinterpret_cast<const unsigned char*>(padded.data()) + at);
    Sha1Digest digest;
    for (std::size_t i = 0; i < digest.size(); ++i)
        digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

Sha1Digest hmac_sha1(std::string_view key, std::string_view octets) {
    std::string padded(key);
    if (key.size() > block) {
        const Sha1Digest digest = sha1(key);
        padded.assign(digest.begin(), digest.end());
    }
    padded.resize(block, '\0');
    std::string inner, outer;
    for (const char c : padded) {
        inner += static_cast<char>(c ^ 0x36);
        outer += static_cast<char>(c ^ 0x5c);
    }
    const Sha1Digest first = sha1(inner.append(octets));
    return sha1(outer.append(first.begin(), first.end()));
}

}  // namespace mailhandler::mail
