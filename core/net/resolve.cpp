#include "net/resolve.hpp"

#include <algorithm>
#include <arpa/nameser.h>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <fmt/format.h>
#include <netdb.h>
#include <optional>

#include "net/dns_channel.hpp"

namespace mailhandler::net {

using boost::asio::ip::tcp;

namespace {

constexpr std::size_t most_hosts = 10;
constexpr std::size_t most_addresses = 8;
constexpr int most_aliases = 8;  // CNAMEs that the server left to us to follow

struct Mx {
    unsigned preference = 0;
    std::string host;
};

struct MxAnswer {
    std::shared_ptr<DnsChannel> channel;
    int status = ARES_ECANCELLED;
    std::vector<Mx> hosts;
    std::string alias;  // what the last CNAME of the answer points to
};

struct AddressAnswer {
    std::shared_ptr<DnsChannel> channel;
    int status = ARES_ECANCELLED;
    std::vector<tcp::endpoint> endpoints;
    std::uint16_t port = 0;
};

std::string lower(std::string name) {
    if (name.ends_with('.')) name.pop_back();
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name;
}

// A domain name at `at` of a DNS message; `at` moves behind it. RFC 1035 section 4.1.4.
std::optional<std::string> take_name(std::span<const unsigned char> message, std::size_t& at) {
    char* name = nullptr;
    long length = 0;
    if (at >= message.size() ||
        ares_expand_name(message.data() + at, message.data(), static_cast<int>(message.size()),
                         &name, &length) != ARES_SUCCESS)
        return {};
    std::string text = lower(name);
    ares_free_string(name);
    at += static_cast<std::size_t>(length);
    return text;
}

// The MX and CNAME records of an answer. c-ares has a parser of its own, but it tells neither
// aliases nor a null MX apart from nothing. RFC 1035 sections 4.1.1 to 4.1.3. False: malformed.
bool read_answer(std::span<const unsigned char> message, MxAnswer& into) {
    const auto number = [&](std::size_t at) {
        return static_cast<unsigned>(message[at] << 8 | message[at + 1]);
    };
    if (message.size() < NS_HFIXEDSZ) return false;
    std::size_t at = NS_HFIXEDSZ;
    for (unsigned i = 0; i < number(4); ++i) {
        if (!take_name(message, at)) return false;
        at += NS_QFIXEDSZ;
    }
    for (unsigned i = 0; i < number(6); ++i) {
        if (!take_name(message, at) || at + NS_RRFIXEDSZ > message.size()) return false;
        const unsigned type = number(at), length = number(at + 8);
        at += NS_RRFIXEDSZ;
        const std::size_t end = at + length;
        if (end > message.size()) return false;
        std::size_t data = at + (type == ns_t_mx ? 2 : 0);
        if (type == ns_t_mx || type == ns_t_cname) {
            if (length < 3 && type == ns_t_mx) return false;
            const auto name = take_name(message, data);
            if (!name || data > end) return false;
            if (type == ns_t_mx)
                into.hosts.push_back({number(at), *name});
            else
                into.alias = *name;
        }
        at = end;
    }
    return true;
}

void mx_answered(void* to, int status, int, unsigned char* octets, int size) {
    auto& answer = *static_cast<MxAnswer*>(to);
    answer.status = status;
    // ENODATA comes with the message: there may be an alias in it.
    if (octets && size > 0 && (status == ARES_SUCCESS || status == ARES_ENODATA) &&
        !read_answer({octets, static_cast<std::size_t>(size)}, answer))
        answer.status = ARES_EBADRESP;
    answer.channel->finished();
}

void addresses_answered(void* to, int status, int, ares_addrinfo* info) {
    auto& answer = *static_cast<AddressAnswer*>(to);
    answer.status = status;
    for (const ares_addrinfo_node* at = info ? info->nodes : nullptr; at; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
        tcp::endpoint endpoint;
        endpoint.resize(at->ai_addrlen);
        std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
        endpoint.port(answer.port);
        if (answer.endpoints.size() < most_addresses) answer.endpoints.push_back(endpoint);
    }
    if (info) ares_freeaddrinfo(info);
    answer.channel->finished();
}

bool is_no(int status) { return status == ARES_ENOTFOUND || status == ARES_ENODATA; }

NoHost not_now(const std::string& name, int status) {
    const char* why = status == ARES_ECANCELLED ? "no answer in time" : ares_strerror(status);
    return {true, "4.4.3", fmt::format("The DNS lookup of {} failed: {}", name, why)};
}

NoHost loop_of(const std::string& domain) {
    return {false, "5.4.6", fmt::format("Mail for {} loops back to this host", domain)};
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]", or either without its brackets.
std::optional<boost::asio::ip::address> literal(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        if (host.size() > 5 && lower(std::string(host.substr(0, 5))) == "ipv6:")
            host.remove_prefix(5);
    }
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(host), error);
    if (error) return {};
    return address;
}

// The order to try them in: by preference, at random among equals (RFC 5321 section 5.1).
void put_in_order(std::vector<Mx>& hosts, Random& random) {
    for (std::size_t i = hosts.size(); i > 1; --i)
        std::swap(hosts[i - 1], hosts[random.bits() % i]);
    std::stable_sort(hosts.begin(), hosts.end(),
                     [](const Mx& a, const Mx& b) { return a.preference < b.preference; });
}

Found<std::vector<std::string>> usable(std::vector<Mx> hosts, const std::string& domain,
                                       const std::string& self, Random& random) {
    if (hosts.size() == 1 && hosts[0].host.empty())  // RFC 7505 section 3
        return tl::unexpected(
            NoHost{false, "5.1.10", fmt::format("{} accepts no mail (null MX)", domain)});
    put_in_order(hosts, random);
    const auto us = std::find_if(hosts.begin(), hosts.end(),
                                 [&](const Mx& mx) { return mx.host == self; });
    if (us != hosts.end()) {
        const unsigned ours = us->preference;
        std::erase_if(hosts, [&](const Mx& mx) { return mx.preference >= ours; });
        if (hosts.empty()) return tl::unexpected(loop_of(domain));
    }
    std::vector<std::string> names;
    for (Mx& mx : hosts) {
        if (names.size() == most_hosts) break;
        if (!mx.host.empty() && std::find(names.begin(), names.end(), mx.host) == names.end())
            names.push_back(std::move(mx.host));
    }
    if (names.empty())
        return tl::unexpected(NoHost{false, "5.4.4", fmt::format("No usable MX for {}", domain)});
    return names;
}

}  // namespace

Resolver::Resolver(Loop& loop, std::string server, Random& random)
    : loop_(loop), server_(std::move(server)), random_(random) {}

Task<Found<std::vector<std::string>>> Resolver::mail_hosts(std::string domain, std::string self) {
    using Hosts = std::vector<std::string>;
    if (literal(domain)) co_return Hosts{domain};
    std::string name = domain;
    for (int followed = 0; followed <= most_aliases; ++followed) {
        MxAnswer answer;
        answer.channel = DnsChannel::open(loop_, server_);
        if (!answer.channel) co_return tl::unexpected(not_now(name, ARES_ENOTINITIALIZED));
        ares_query(answer.channel->get(), name.c_str(), ns_c_in, ns_t_mx, mx_answered, &answer);
        co_await answer.channel->wait();
        if (!answer.hosts.empty())
            co_return usable(std::move(answer.hosts), domain, lower(self), random_);
        if (answer.status == ARES_ENOTFOUND)
            co_return tl::unexpected(
                NoHost{false, "5.1.2", fmt::format("The domain {} does not exist", domain)});
        if (answer.status != ARES_SUCCESS && answer.status != ARES_ENODATA)
            co_return tl::unexpected(not_now(domain, answer.status));
        if (answer.alias.empty() || answer.alias == name) {
            // No MX: the domain itself, as if it were its only one.
            if (name == lower(self)) co_return tl::unexpected(loop_of(domain));
            co_return Hosts{name};
        }
        name = answer.alias;
    }
    co_return tl::unexpected(
        NoHost{false, "5.4.4", fmt::format("The aliases of {} do not end", domain)});
}

Task<Found<std::vector<tcp::endpoint>>> Resolver::addresses(std::string host, std::uint16_t port) {
    if (const auto address = literal(host))
        co_return std::vector<tcp::endpoint>{tcp::endpoint(*address, port)};
    AddressAnswer answer;
    answer.port = port;
    answer.channel = DnsChannel::open(loop_, server_);
    if (!answer.channel) co_return tl::unexpected(not_now(host, ARES_ENOTINITIALIZED));
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = ARES_AI_NUMERICSERV;
    ares_getaddrinfo(answer.channel->get(), host.c_str(), nullptr, &hints, addresses_answered,
                     &answer);
    co_await answer.channel->wait();
    if (!answer.endpoints.empty()) co_return std::move(answer.endpoints);
    if (is_no(answer.status) || answer.status == ARES_SUCCESS)
        co_return tl::unexpected(
            NoHost{false, "5.4.4", fmt::format("The host {} has no address", host)});
    co_return tl::unexpected(not_now(host, answer.status));
}

}  // namespace mailhandler::net
