// What SPF says, by a DNS server of our own: a table of policies, and what happens when the DNS does
// not answer.
#include "net/spf.hpp"

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <optional>

#include "net/dns_server.hpp"
#include "support/cpu_time.hpp"

using namespace mailhandler;

namespace {

struct World {
    DnsServer dns;
    net::Loop loop;
    net::SpfChecker checker{loop};
    std::string at;

    void policy(const std::string& name, const std::string& text) {
        dns.zone[name].push_back({DnsServer::txt, text});
    }

    std::string check(const std::string& ip, const std::string& sender,
                      const std::string& helo = "client.test") {
        if (at.empty()) at = dns.start();
        const net::SpfSubject subject{ip, helo, sender};
        std::string result;
        boost::asio::co_spawn(loop.context(), checker.check(at, subject),
                              [&result](std::exception_ptr failure, std::string found) {
                                  if (failure) std::rethrow_exception(failure);
                                  result = std::move(found);
                              });
        loop.context().restart();
        loop.context().run();
        return result;
    }
};

void fill(World& world) {
    auto& zone = world.dns.zone;
    world.policy("all.test", "v=spf1 -all");
    world.policy("soft.test", "v=spf1 ip4:203.0.113.0/24 ~all");
    world.policy("neutral.test", "v=spf1 ?all");
    world.policy("bare.test", "v=spf1");
    world.policy("shout.test", "some other text");
    world.policy("shout.test", "v=spf1 IP4:192.0.2.0/24 -ALL");
    world.policy("a.test", "v=spf1 a -all");
    zone["a.test"].push_back({DnsServer::a, "192.0.2.7"});
    zone["a.test"].push_back({DnsServer::aaaa, "2001:db8::7"});
    world.policy("mx.test", "v=spf1 mx -all");
    zone["mx.test"].push_back({DnsServer::mx, "in.mx.test", 10});
    zone["mx.test"].push_back({DnsServer::mx, "out.mx.test", 20});
    zone["in.mx.test"] = {{DnsServer::a, "192.0.2.1"}};
    zone["out.mx.test"] = {{DnsServer::a, "192.0.2.7"}};
    world.policy("include.test", "v=spf1 include:soft.test include:a.test -all");
    world.policy("redirect.test", "v=spf1 redirect=a.test");
    world.policy("broken-include.test", "v=spf1 include:nothing.test -all");
    world.policy("exists.test", "v=spf1 exists:%{ir}.%{l}.allow.test -all");
    zone["7.2.0.192.bob.allow.test"] = {{DnsServer::a, "127.0.0.2"}};
    world.policy("ptr.test", "v=spf1 ptr -all");
    zone["7.2.0.192.in-addr.arpa"] = {{DnsServer::ptr, "host.ptr.test"}};
    zone["host.ptr.test"] = {{DnsServer::a, "192.0.2.7"}};
    world.policy("two.test", "v=spf1 -all");
    world.policy("two.test", "v=spf1 +all");
    world.policy("wrong.test", "v=spf1 ip4:300.1.1.1 foo:bar -all");
    world.policy("loop.test", "v=spf1 include:loop2.test -all");
    world.policy("loop2.test", "v=spf1 include:loop.test -all");
    world.policy("exp.test", "v=spf1 exp=why.exp.test -all");
    zone["cname.test"] = {{DnsServer::cname, "soft.test"},
                          {DnsServer::txt, "v=spf1 ip4:192.0.2.7 -all", 0, "soft.test"}};
    zone["alias.test"] = {{DnsServer::cname, "a.test"}};
    world.policy("long.test", "v=spf1 " + std::string(300, ' ') + "ip4:192.0.2.7 -all");
    zone["empty.test"] = {{DnsServer::a, "192.0.2.7"}};
    std::string many = "v=spf1";
    for (int i = 0; i < 12; ++i) {
        const std::string name = "m" + std::to_string(i) + ".many.test";
        many += " a:" + name;
        zone[name] = {{DnsServer::a, "192.0.2.200"}};
    }
    world.policy("many.test", many + " +all");
    world.policy("client.test", "v=spf1 ip4:192.0.2.7 -all");
}

}  // namespace

TEST_CASE("SPF says of a sender what the policy of the domain says") {
    World world;
    fill(world);
    const struct {
        const char *ip, *sender, *result;
    } table[] = {
        {"192.0.2.7", "bob@all.test", "fail"},
        {"192.0.2.7", "bob@soft.test", "softfail"},
        {"203.0.113.9", "bob@soft.test", "pass"},
        {"192.0.2.7", "bob@neutral.test", "neutral"},
        {"192.0.2.7", "bob@bare.test", "neutral"},
        {"192.0.2.7", "bob@SHOUT.test", "pass"},
        {"192.0.3.7", "bob@shout.test", "fail"},
        {"192.0.2.7", "bob@a.test", "pass"},
        {"192.0.2.8", "bob@a.test", "fail"},
        {"2001:db8::7", "bob@a.test", "pass"},
        {"::ffff:192.0.2.7", "bob@a.test", "pass"},
        {"2001:db8::8", "bob@a.test", "fail"},
        {"192.0.2.7", "bob@mx.test", "pass"},
        {"192.0.2.9", "bob@mx.test", "fail"},
        {"203.0.113.9", "bob@include.test", "pass"},
        {"192.0.2.7", "bob@include.test", "pass"},
        {"192.0.2.8", "bob@include.test", "fail"},
        {"192.0.2.7", "bob@redirect.test", "pass"},
        {"192.0.2.8", "bob@redirect.test", "fail"},
        {"192.0.2.7", "bob@broken-include.test", "permerror"},
        {"192.0.2.7", "bob@exists.test", "pass"},
        {"192.0.2.7", "eve@exists.test", "fail"},
        {"192.0.2.7", "bob@ptr.test", "pass"},
        {"192.0.2.8", "bob@ptr.test", "fail"},
        {"192.0.2.7", "bob@two.test", "permerror"},
        {"192.0.2.7", "bob@wrong.test", "permerror"},
        {"192.0.2.7", "bob@loop.test", "permerror"},
        {"192.0.2.7", "bob@exp.test", "fail"},
        {"192.0.2.7", "bob@cname.test", "pass"},
        {"192.0.2.7", "bob@alias.test", "pass"},
        {"192.0.2.7", "bob@long.test", "pass"},
        {"192.0.2.7", "bob@empty.test", "none"},
        {"192.0.2.7", "bob@nothing.test", "none"},
        {"192.0.2.7", "bob@many.test", "permerror"},
        // Loopback has no privilege here.
        {"127.0.0.1", "bob@all.test", "fail"},
        {"::1", "bob@all.test", "fail"},
        // What has no policy to ask for.
        {"192.0.2.7", "bob@[192.0.2.7]", "none"},
        {"192.0.2.7", "bob@localhost", "none"},
        {"", "bob@all.test", "none"},
    };
    for (const auto& row : table) {
        INFO(row.ip << ' ' << row.sender);
        CHECK(world.check(row.ip, row.sender) == row.result);
    }
}

TEST_CASE("SPF of the null sender is the HELO name's") {
    World world;
    fill(world);
    CHECK(world.check("192.0.2.7", "", "client.test") == "pass");
    CHECK(world.check("192.0.2.8", "", "client.test") == "fail");
    CHECK(world.check("192.0.2.7", "", "[192.0.2.7]") == "none");
    CHECK(world.check("192.0.2.7", "", "friend") == "none");
    CHECK(world.check("192.0.2.7", "", "") == "none");
}

TEST_CASE("A DNS that fails makes SPF a temperror, wherever in the policy") {
    World world;
    fill(world);
    for (const char* name : {"fails.test", "odd.test"}) world.policy(name, "v=spf1 -all");
    world.dns.rcode["fails.test"] = 2;
    world.dns.rcode["odd.test"] = -2;
    world.policy("deep.test", "v=spf1 include:fails.test -all");
    world.policy("deeper.test", "v=spf1 mx:fails.test a:fails.test -all");
    CHECK(world.check("192.0.2.7", "bob@fails.test") == "temperror");
    CHECK(world.check("192.0.2.7", "bob@odd.test") == "temperror");
    CHECK(world.check("192.0.2.7", "bob@deep.test") == "temperror");
    CHECK(world.check("192.0.2.7", "bob@deeper.test") == "temperror");
    CHECK(world.check("192.0.2.7", "bob@a.test") == "pass");
}

TEST_CASE("Policies made to hurt end, and cost little") {
    World world;
    fill(world);
    // Ten includes of ten mechanisms each; names with every macro; a record of 60 KiB is no answer
    // of UDP, so the longest there is.
    std::string wide = "v=spf1";
    for (int i = 0; i < 10; ++i) {
        const std::string name = "w" + std::to_string(i) + ".wide.test";
        wide += " include:" + name;
        std::string inner = "v=spf1";
        for (int j = 0; j < 10; ++j) inner += " a:x" + std::to_string(j) + "." + name;
        world.policy(name, inner + " ?all");
    }
    world.policy("wide.test", wide + " -all");
    world.policy("macro.test", "v=spf1 exists:%{s1r+-/=}.%{o}.%{d2}.%{h}.%{p}.%{v}.x.test -all");
    world.policy("macro2.test", "v=spf1 exists:%{d0}.test -all");
    world.policy("macro3.test", "v=spf1 exists:%{d99999999999}.%(x).test -all");
    world.policy("macro4.test", "v=spf1 include:" + std::string(250, 'a') + " -all");
    world.policy("macro5.test", "v=spf1 exists:%{S}%{L}%{O}%{D}%{I}%{P}%{V}%{H}.x.test -all");
    world.policy("macro6.test", "v=spf1 exists:% -all");
    world.policy("macro7.test", "v=spf1 exists:%{i -all");
    world.policy("binary.test", std::string("v=spf1 \xff\xfe a:\x01 -all", 18));
    for (const char* domain : {"wide.test", "macro.test", "macro2.test", "macro3.test",
                               "macro4.test", "macro5.test", "macro6.test", "macro7.test",
                               "binary.test"}) {
        const int before = world.dns.asked;
        const std::string result = world.check("192.0.2.7", std::string("bob+x=y@") + domain);
        INFO(domain << ": " << result);
        CHECK(!result.empty());
        CHECK(world.dns.asked - before <= int(net::SpfChecker::most_lookups) + 1);
    }
    const std::string lengthy = std::string(60, 'l') + "@" + std::string(60, 'd') + ".test";
    CHECK(world.check("192.0.2.7", lengthy) == "none");
}

TEST_CASE("Checks wait for the DNS beside each other and end when it never answers", "[.slow]") {
    World world;
    fill(world);
    world.policy("silent.test", "");
    world.dns.rcode["silent.test"] = -1;
    CHECK(world.check("192.0.2.7", "bob@silent.test") == "temperror");
}

TEST_CASE("What an SPF check costs", "[.cost]") {
    World world;
    fill(world);
    for (const char* sender : {"bob@soft.test", "bob@mx.test", "bob@include.test"}) {
        world.check("192.0.2.7", sender);
        const auto begun = std::chrono::steady_clock::now();
        constexpr int times = 1000;
        for (int i = 0; i < times; ++i) world.check("192.0.2.7", sender);
        const std::chrono::duration<double, std::micro> took =
            std::chrono::steady_clock::now() - begun;
        WARN(sender << ": " << took.count() / times << " us, the DNS server's time included");
    }
}
