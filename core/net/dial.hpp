// Calling a server: names to addresses, addresses to a connection.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "net/pool.hpp"
#include "net/stream.hpp"

namespace mailhandler::net {

struct Destination {
    std::string host;  // a name, or an address without brackets
    std::uint16_t port = 0;
    TlsRole* tls = nullptr;  // TLS from the first octet; null: in clear
};

// Connects to the first address that answers, in the order of getaddrinfo(3) (RFC 6724), IPv6 and
// IPv4 alike; no single address may use up the time of those behind it. Looked up on `lookup`,
// which the deadline cannot interrupt: the system's resolver has its own time-outs. The Fault is
// that of the last address, permanent only when the name does not exist.
Task<Result<Stream>> dial(Loop& loop, Pool& lookup, const Destination& to, Instant deadline);

// The same for addresses that are known already (net/resolve), in their order.
Task<Result<Stream>> dial(Loop& loop, const std::vector<boost::asio::ip::tcp::endpoint>& addresses,
                          const Destination& to, Instant deadline);

}  // namespace mailhandler::net
