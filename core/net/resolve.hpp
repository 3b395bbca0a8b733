// Where mail for a domain goes: its MX hosts in the order to try them (RFC 5321 section 5.1), and
// the addresses of a host. Asks the DNS by c-ares, whose sockets are waited for by the Loop.
//
// An answer is a yes, a no, or a not-now: a name that does not exist and a null MX (RFC 7505) are
// permanent; a server that fails, refuses or does not answer in time says nothing about the name
// and is temporary. Every lookup ends within `patience`.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/random.hpp"
#include "net/loop.hpp"

namespace mailhandler::net {

// Why there is nowhere to go, in words for a bounce.
struct NoHost {
    bool temporary = true;
    std::string enhanced;  // RFC 3463, RFC 7505: "5.1.2", "4.4.3" …
    std::string why;
};
template <class T>
using Found = tl::expected<T, NoHost>;

// Network thread only. Outlives the lookups it makes.
class Resolver {
  public:
    static constexpr std::chrono::seconds patience{20};

    // `server` is "address:port", asked instead of the system's and of /etc/hosts; empty: as
    // resolv.conf(5) says when a lookup begins.
    Resolver(Loop& loop, std::string server, Random& random);

    // The hosts that take mail for `domain` (canonical, or an address literal with its brackets),
    // the most preferred first, at random among equals. Without an MX the domain is its own. `self`
    // is our own name: it and what is not more preferred than it is left out, and where nothing is
    // left the mail loops (5.4.6). At most 10.
    Task<Found<std::vector<std::string>>> mail_hosts(std::string domain, std::string self);

    // IPv6 and IPv4 addresses of `host` (a name, a bare address, or a literal in brackets), in the
    // order of RFC 6724. At most 8.
    Task<Found<std::vector<boost::asio::ip::tcp::endpoint>>> addresses(std::string host,
                                                                        std::uint16_t port);

  private:
    Loop& loop_;
    const std::string server_;
    Random& random_;
};

}  // namespace mailhandler::net
