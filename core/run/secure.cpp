#include "run/secure.hpp"

#include <fmt/format.h>

namespace mailhandler::run {

net::Task<std::optional<wire::TlsInfo>> secure_first(net::Stream& stream, const net::Means& means) {
    if (!means.tls) {
        means.log.error("TLS is asked for, but [tls] names no certificate");
        stream.abort();
        co_return std::nullopt;
    }
    const Instant deadline = means.clock.now() + means.handshake;
    Result<wire::TlsInfo> info = co_await stream.handshake(*means.tls, deadline);
    if (!info) {
        means.log.debug(fmt::format("{}: {}", stream.peer().address, info.error().text()));
        stream.abort();
        co_return std::nullopt;
    }
    co_return std::optional<wire::TlsInfo>(std::move(*info));
}

}  // namespace mailhandler::run
