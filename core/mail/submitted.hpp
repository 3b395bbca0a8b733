// What a submission server mends in a message of its own users (RFC 6409 section 8). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "mail/stamp.hpp"

namespace mailhandler::mail {

// The lines that `inbound` lacks, to be written above it: Date and Message-ID, each where the
// message has none; the id is made of `id`, which is unique, and our host's name.
std::string missing_fields(const Inbound& inbound, std::string_view id, std::string_view hostname,
                           WallTime now);

}  // namespace mailhandler::mail
