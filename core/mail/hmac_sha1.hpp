// HMAC-SHA1 (RFC 2104, FIPS 180-4): what SRS addresses are signed with.
//
// For SRS alone, where it is the customary hash and a forger gains an address that takes bounces
// for three weeks. Passwords and anything else of weight have nothing to do with it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mailhandler::mail {

using Sha1Digest = std::array<std::uint8_t, 20>;

Sha1Digest sha1(std::string_view octets);
Sha1Digest hmac_sha1(std::string_view key, std::string_view octets);

}  // namespace mailhandler::mail
