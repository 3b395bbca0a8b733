// One question to the DNS and the records of its answer. Private to net: resolve.cpp and spf.cpp
// say what they mean.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/loop.hpp"

namespace mailhandler::net {

struct DnsRecord {
    unsigned preference = 0;  // of an MX
    // A, AAAA: the address's octets. MX, PTR: the name, lower case, without the last dot. TXT: its
    // strings, one behind the other (RFC 7208 section 3.3).
    std::string data;
};

struct DnsAnswer {
    int status = 0;  // of c-ares: ARES_SUCCESS also where there are no records but an alias
    std::vector<DnsRecord> records;  // of the type that was asked for
    std::string alias;               // what the last CNAME of the answer points to
};

// `type` as in <arpa/nameser.h>. ARES_ENOTFOUND and ARES_ENODATA say that there is none; what was not
// answered by `deadline` is ARES_ECANCELLED, a malformed answer ARES_EBADRESP.
Task<DnsAnswer> ask_dns(Loop& loop, std::string server, std::string name, int type,
                        Instant deadline);

// The same with aliases followed where the server left that to us; an endless chain is ARES_EBADRESP.
Task<DnsAnswer> ask_dns_through(Loop& loop, std::string server, std::string name, int type,
                                Instant deadline);

}  // namespace mailhandler::net
