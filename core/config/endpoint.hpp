// Hosts, ports and URLs as a configuration writes them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/load.hpp"

namespace mailhandler::config {

// "address:port", "[::1]:25". The address is numeric, or "localhost" (127.0.0.1); port 0 lets the
// kernel choose.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace mailhandler::config
