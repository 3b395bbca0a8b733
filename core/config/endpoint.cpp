#include "config/endpoint.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "mail/address.hpp"

namespace mailhandler::config {
namespace {

struct HostPort {
    std::string host;
    std::optional<std::uint16_t> port;
};

bool is_ipv4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool is_ipv6(const std::string& host) {
    in6_addr address{};
    return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

Result<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail("", fmt::format("\"{}\" is not a port (1 to 65535)", text), false);
    return port;
}

// host [ ":" port ] | "[" IPv6 "]" [ ":" port ]
Result<HostPort> split(std::string_view text) {
    HostPort result;
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos)
            return fail("", fmt::format("\"{}\" lacks a closing bracket", text), false);
        result.host = text.substr(1, close - 1);
        if (!is_ipv6(result.host))
            return fail("", fmt::format("\"{}\" is not an IPv6 address", result.host), false);
        rest = text.substr(close + 1);
    } else {
        const std::size_t colon = text.find(':');
        if (colon != text.rfind(':'))
            return fail("", fmt::format("an IPv6 address stands in brackets: \"[{}]:port\"", text),
                        false);
        result.host = text.substr(0, colon);
        rest = colon == std::string_view::npos ? "" : text.substr(colon);
    }
    if (rest.empty()) return result;
    if (rest[0] != ':')
        return fail("", fmt::format("\"{}\" does not belong after the address", rest), false);
    const auto port = parse_port(rest.substr(1));
    if (!port) return tl::unexpected(port.error());
    result.port = *port;
    return result;
}

std::uint16_t usual_port(std::string_view scheme) {
    struct Scheme {
        std::string_view name;
        std::uint16_t port;
    };
    static constexpr Scheme schemes[] = {{"smtp", 25},   {"smtps", 465}, {"submission", 587},
                                         {"lmtp", 24},   {"pop3", 110},  {"pop3s", 995},
                                         {"imap", 143},  {"imaps", 993}};
    for (const Scheme& known : schemes)
        if (known.name == scheme) return known.port;
    return 0;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
    auto parts = split(text);
    if (!parts) return tl::unexpected(parts.error());
    if (parts->host == "*")
        return fail("", "\"*\" is not an address; write \"0.0.0.0\" and \"[::]\"", false);
    if (parts->host == "localhost") parts->host = "127.0.0.1";
    if (!is_ipv4(parts->host) && !is_ipv6(parts->host))
        return fail("", fmt::format("\"{}\" is not \"address:port\" with a numeric address, such as "
                                    "\"0.0.0.0:25\" or \"[::1]:25\"",
                                    text),
                    false);
    if (!parts->port)
        return fail("", fmt::format("\"{}\" lacks a port, as in \"{}:25\"", text, text), false);
    return Endpoint{std::move(parts->host), *parts->port, 0};
}

Result<Url> parse_url(std::string_view text) {
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos)
        return fail("", fmt::format("\"{}\" is not a URL such as \"imaps://host\" or "
                                    "\"smtp://host:587\"",
                                    text),
                    false);
    Url url;
    url.scheme = text.substr(0, colon);
    const std::uint16_t usual = usual_port(url.scheme);
    if (usual == 0) return fail("", fmt::format("\"{}://\" is not known", url.scheme), false);
    std::string_view rest = text.substr(colon + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#@") != std::string_view::npos)
        return fail("", fmt::format("\"{}\": a URL here is only scheme://host or scheme://host:port",
                                    text),
                    false);
    auto parts = split(rest);
    if (!parts) return tl::unexpected(parts.error());
    if (parts->port == std::uint16_t{0}) return fail("", "port 0 cannot be dialled", false);
    url.port = parts->port.value_or(usual);
    if (is_ipv4(parts->host) || is_ipv6(parts->host)) {
        url.host = std::move(parts->host);
        return url;
    }
    auto host = mail::canonical_domain(parts->host);
    if (!host) return fail("", fmt::format("\"{}\": {}", text, host.error().cause), false);
    url.host = std::move(*host);
    return url;
}

bool is_loopback(std::string_view host) {
    const std::string name(host);
    return name == "localhost" || name.ends_with(".localhost") || name == "::1" ||
           (is_ipv4(name) && name.starts_with("127."));
}

}  // namespace mailhandler::config
