#include "net/resolve.hpp"

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <optional>
#include <set>

#include "base/clock.hpp"
#include "net/dns_server.hpp"

using namespace mailhandler;

namespace {

using Hosts = std::vector<std::string>;

template <class T>
T await(net::Loop& loop, net::Task<T> task) {
    std::optional<T> value;
    std::exception_ptr error;
    boost::asio::co_spawn(loop.context(), std::move(task), [&](std::exception_ptr e, T v) {
        error = e;
        value = std::move(v);
        loop.stop();
    });
    loop.run();
    if (error) std::rethrow_exception(error);
    return std::move(*value);
}

struct Asking {
    explicit Asking(DnsServer& dns) : server(dns.start()) {}

    net::Found<Hosts> hosts(const std::string& domain, const std::string& self = "us.test") {
        net::Loop loop;
        SystemRandom random;
        net::Resolver resolver(loop, server, random);
        return await(loop, resolver.mail_hosts(domain, self));
    }
    net::Found<std::set<std::string>> addresses(const std::string& host) {
        net::Loop loop;
        SystemRandom random;
        net::Resolver resolver(loop, server, random);
        const auto found = await(loop, resolver.addresses(host, 25));
        if (!found) return tl::unexpected(found.error());
        std::set<std::string> texts;
        for (const auto& endpoint : *found) {
            CHECK(endpoint.port() == 25);
            texts.insert(endpoint.address().to_string());
        }
        return texts;
    }
    std::string refusal(const std::string& domain, const std::string& self = "us.test") {
        const auto found = hosts(domain, self);
        if (found) return "found";
        CHECK_FALSE(found.error().why.empty());
        return (found.error().temporary ? "later " : "never ") + found.error().enhanced;
    }
    std::string server;
};

}  // namespace

TEST_CASE("MX hosts come by preference, at random among equals") {
    DnsServer dns;
    dns.zone["d.test"] = {{DnsServer::mx, "far.d.test", 30},
                          {DnsServer::mx, "One.d.test", 10},
                          {DnsServer::mx, "two.d.test", 10},
                          {DnsServer::mx, "three.d.test", 10}};
    Asking asking(dns);
    std::set<std::string> first;
    for (int i = 0; i < 60; ++i) {
        const auto hosts = asking.hosts("d.test");
        REQUIRE(hosts);
        REQUIRE(hosts->size() == 4);
        CHECK(hosts->back() == "far.d.test");
        first.insert(hosts->front());
    }
    CHECK(first == std::set<std::string>{"one.d.test", "two.d.test", "three.d.test"});
}

TEST_CASE("Without an MX a domain is its own mail host, also behind aliases") {
    DnsServer dns;
    dns.zone["plain.test"] = {{DnsServer::a, "127.0.0.1"}};
    dns.zone["alias.test"] = {{DnsServer::cname, "real.test"},
                              {DnsServer::mx, "mx.real.test", 10, "real.test"}};
    dns.zone["bare-alias.test"] = {{DnsServer::cname, "real.test"}};
    dns.zone["real.test"] = {{DnsServer::mx, "mx.real.test", 10}};
    dns.zone["round.test"] = {{DnsServer::cname, "about.test"}};
    dns.zone["about.test"] = {{DnsServer::cname, "round.test"}};
    Asking asking(dns);
    CHECK(asking.hosts("plain.test").value() == Hosts{"plain.test"});
    CHECK(asking.hosts("alias.test").value() == Hosts{"mx.real.test"});
    CHECK(asking.hosts("bare-alias.test").value() == Hosts{"mx.real.test"});
    CHECK(asking.refusal("round.test") == "never 5.4.4");
}

TEST_CASE("What the DNS denies is permanent, what it cannot say is temporary") {
    DnsServer dns;
    dns.zone["null.test"] = {{DnsServer::mx, "", 0}};
    dns.zone["mixed.test"] = {{DnsServer::mx, "", 0}, {DnsServer::mx, "mx.test", 10}};
    dns.rcode["broken.test"] = 2;
    dns.rcode["closed.test"] = 5;
    dns.rcode["rubbish.test"] = -2;
    Asking asking(dns);
    CHECK(asking.refusal("missing.test") == "never 5.1.2");
    CHECK(asking.refusal("null.test") == "never 5.1.10");
    CHECK(asking.hosts("mixed.test").value() == Hosts{"mx.test"});
    CHECK(asking.refusal("broken.test") == "later 4.4.3");
    CHECK(asking.refusal("closed.test") == "later 4.4.3");
    CHECK(asking.refusal("rubbish.test") == "later 4.4.3");
    CHECK(asking.refusal("bad..name") != "found");
}

TEST_CASE("A DNS server that never answers is given up in time") {
    DnsServer dns;
    dns.rcode["silent.test"] = -1;
    Asking asking(dns);
    const Instant begun = std::chrono::steady_clock::now();
    CHECK(asking.refusal("silent.test") == "later 4.4.3");
    CHECK(std::chrono::steady_clock::now() - begun < net::Resolver::patience + std::chrono::seconds(5));
    CHECK(dns.asked > 1);
}

TEST_CASE("Our own name among the MX hosts ends the list, and mail for ourselves loops") {
    DnsServer dns;
    dns.zone["backup.test"] = {{DnsServer::mx, "main.test", 10},
                               {DnsServer::mx, "US.test", 20},
                               {DnsServer::mx, "twin.test", 20},
                               {DnsServer::mx, "last.test", 30}};
    dns.zone["ours.test"] = {{DnsServer::mx, "us.test", 10}, {DnsServer::mx, "last.test", 20}};
    dns.zone["us.test"] = {{DnsServer::a, "127.0.0.1"}};
    Asking asking(dns);
    CHECK(asking.hosts("backup.test").value() == Hosts{"main.test"});
    CHECK(asking.refusal("ours.test") == "never 5.4.6");
    CHECK(asking.refusal("us.test") == "never 5.4.6");
    CHECK(asking.refusal("us.test", "US.test.") == "never 5.4.6");
}

TEST_CASE("A host has addresses of both families, and a literal is one itself") {
    DnsServer dns;
    dns.zone["both.test"] = {{DnsServer::a, "127.0.0.1"}, {DnsServer::a, "127.0.0.2"},
                             {DnsServer::aaaa, "::1"}};
    dns.zone["six.test"] = {{DnsServer::aaaa, "::1"}};
    dns.zone["alias.test"] = {{DnsServer::cname, "six.test"},
                              {DnsServer::aaaa, "::1", 0, "six.test"}};
    dns.zone["empty.test"] = {};
    dns.rcode["broken.test"] = 2;
    Asking asking(dns);
    using Set = std::set<std::string>;
    CHECK(asking.addresses("both.test").value() == Set{"127.0.0.1", "127.0.0.2", "::1"});
    CHECK(asking.addresses("six.test").value() == Set{"::1"});
    CHECK(asking.addresses("alias.test").value() == Set{"::1"});
    CHECK_FALSE(asking.addresses("empty.test").error().temporary);
    CHECK_FALSE(asking.addresses("missing.test").error().temporary);
    CHECK(asking.addresses("broken.test").error().temporary);
    CHECK(asking.hosts("[192.0.2.1]").value() == Hosts{"[192.0.2.1]"});
    CHECK(asking.addresses("[192.0.2.1]").value() == Set{"192.0.2.1"});
    CHECK(asking.addresses("[IPv6:2001:db8::1]").value() == Set{"2001:db8::1"});
    CHECK(asking.addresses("127.0.0.1").value() == Set{"127.0.0.1"});
}
