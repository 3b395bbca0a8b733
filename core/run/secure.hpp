// The handshake of a service whose TLS comes first (RFC 8314).
#pragma once

#include <optional>

#include "net/drive.hpp"
#include "net/stream.hpp"

namespace mailhandler::run {

// Nothing: it failed, which was said, and the stream is closed.
net::Task<std::optional<wire::TlsInfo>> secure_first(net::Stream& stream, const net::Means& means);

}  // namespace mailhandler::run
