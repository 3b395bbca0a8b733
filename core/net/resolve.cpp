#include "net/resolve.hpp"

#include <algorithm>
#include <arpa/nameser.h>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <fmt/format.h>
#include <netdb.h>
#include <optional>

#include "net/dns_answer.hpp"
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

Instant in_patience() { return std::chrono::steady_clock::now() + Resolver::patience; }

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
        DnsAnswer answer = co_await ask_dns(loop_, server_, name, ns_t_mx, in_patience());
        std::vector<Mx> hosts;
        for (DnsRecord& record : answer.records)
            hosts.push_back({record.preference, std::move(record.data)});
        if (!hosts.empty()) co_return usable(std::move(hosts), domain, lower(self), random_);
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
    co_await answer.channel->wait(in_patience());
    if (!answer.endpoints.empty()) co_return std::move(answer.endpoints);
    if (is_no(answer.status) || answer.status == ARES_SUCCESS)
        co_return tl::unexpected(
            NoHost{false, "5.4.4", fmt::format("The host {} has no address", host)});
    co_return tl::unexpected(not_now(host, answer.status));
}

}  // namespace mailhandler::net
