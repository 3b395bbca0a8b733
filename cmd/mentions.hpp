// Who points at what a command takes away: aliases and forwards of any domain.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "context.hpp"

namespace mailhandler::cmd {

// A warning, with file and line, for each alias and forward that names the address `key`@`domain`,
// or any address of `domain` where `key` is absent (its own file's are passed over then: it goes
// too), and for the server's postmaster. `becomes` tells what the address is afterwards. A
// removal is what somebody decided, so this stops nothing.
void warn_of_mentions(Context& context, const std::string& domain,
                      const std::optional<std::string>& key, std::string_view becomes);

}  // namespace mailhandler::cmd
