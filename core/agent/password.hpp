// Passwords at rest: crypt(3) hashes of libxcrypt, yescrypt for those we make.
//
// One verification costs about 15 ms of one core, on purpose. Blocking: called on the bounded
// password pool by a server, directly by commands.
#pragma once

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"

namespace mailhandler::agent {

// A yescrypt hash ("$y$…") of `password` with a fresh salt.
// Errors: permanent, for an empty password, one with a NUL in it, or one of more than 511 octets
// (crypt(3) would not see the rest).
Result<std::string> hash_password(std::string_view password, Random& random);

// Whether `password` is the one `hash` was made of. Any hash crypt(3) knows is understood. An empty
// or malformed hash — also that of a user who does not exist: pass "" — costs the same time and is
// never right, so that an answer's delay does not tell which names exist.
bool verify_password(const std::string& hash, std::string_view password);

}  // namespace mailhandler::agent
