// Who points at what a command takes away: aliases and forwards of any domain.
#pragma once

#include <string>
#include <string_view>

#include "context.hpp"
#include "route/directory.hpp"

namespace mailhandler::cmd {

// A warning, with file and line, for each alias and forward that names the address `key` of
// `changed`, a domain as it is now, and for the server's postmaster. `becomes` tells what the address
// is afterwards. A removal is what somebody decided, so this stops nothing.
void warn_of_mentions(Context& context, const route::Domain& changed, const std::string& key,
                      std::string_view becomes);

// The same for any address of a domain that goes with its file.
void warn_of_mentions(Context& context, const std::string& domain, std::string_view becomes);

}  // namespace mailhandler::cmd
