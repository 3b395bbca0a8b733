// SHA-256 (FIPS 180-4), HMAC over it (RFC 2104) and PBKDF2 (RFC 8018 section 5.2): what SCRAM logins
// are made of. Pure; some 200 MB a second, so for secrets and short texts, not for messages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailhandler {

using Sha256Digest = std::array<std::uint8_t, 32>;

// The octets of a digest.
std::string_view octets_of(const Sha256Digest& digest);

class Sha256 {
  public:
    void add(std::string_view octets);
    // Of everything added; nothing may be added afterwards.
    Sha256Digest digest();

  private:
    void mix(const unsigned char* block);

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<unsigned char, 64> block_{};
    std::uint64_t length_ = 0;  // octets
};

Sha256Digest sha256(std::string_view octets);

// HMAC under one key, ready to be used many times.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view key);
    Sha256Digest operator()(std::string_view octets) const;

  private:
    Sha256 inner_, outer_;  // the key's block is in them
};

// One block of PBKDF2 with HMAC-SHA-256: what RFC 5802 calls Hi(). About a microsecond per iteration.
Sha256Digest pbkdf2_sha256(std::string_view password, std::string_view salt,
                           std::uint32_t iterations);

}  // namespace mailhandler
