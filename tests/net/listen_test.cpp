#include "net/listen.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sys/resource.h>
#include <sys/wait.h>

#include "net/caller.hpp"
#include "net/certificate.hpp"
#include "net/dial.hpp"
#include "net/toy.hpp"

using namespace mailhandler;
using namespace std::chrono_literals;

namespace {

// A toy server in a process of its own, which may open `descriptors` files.
class Child {
  public:
    explicit Child(rlim_t descriptors, const std::string& pki = "") {
        int up[2], down[2];
        if (::pipe(up) != 0 || ::pipe(down) != 0) throw std::runtime_error("no pipe");
        process_ = ::fork();
        if (process_ == 0) {
            ::close(down[1]);
            rlimit limit{descriptors, descriptors};
            ::setrlimit(RLIMIT_NOFILE, &limit);
            const SystemClock clock;
            std::unique_ptr<net::TlsServer> tls;
            if (!pki.empty())
                tls = net::TlsServer::load({pki + "/cert", pki + "/key"}, clock, Log()).value();
            toy::Server server(toy::Server::Options{
                .times = {.idle = 600s}, .tls_first = tls != nullptr, .tls = tls.get()});
            const std::uint16_t port = server.port();
            if (::write(up[1], &port, sizeof port) != sizeof port) ::_exit(1);
            char end;
            while (::read(down[0], &end, 1) > 0) {}
            ::_exit(0);
        }
        ::close(up[1]);
        ::close(down[0]);
        leash_ = down[1];
        if (::read(up[0], &port_, sizeof port_) != sizeof port_) port_ = 0;
        ::close(up[0]);
    }
    ~Child() {
        ::close(leash_);
        ::waitpid(process_, nullptr, 0);
    }
    std::uint16_t port() const { return port_; }
    std::size_t resident() const {  // octets
        const std::string path = "/proc/" + std::to_string(process_) + "/statm";
        std::FILE* file = std::fopen(path.c_str(), "r");
        if (!file) return 0;
        unsigned long size = 0, pages = 0;
        const int fields = std::fscanf(file, "%lu %lu", &size, &pages);
        std::fclose(file);
        return fields == 2 ? pages * 4096 : 0;
    }

  private:
    pid_t process_ = -1;
    int leash_ = -1;
    std::uint16_t port_ = 0;
};

net::Task<> call_many(net::Loop& loop, net::Pool& pool, net::Destination to, std::size_t count,
                      std::vector<net::Stream>& streams) {
    std::vector<char> block(100);
    while (streams.size() < count) {
        const Instant deadline = std::chrono::steady_clock::now() + 5s;
        Result<net::Stream> stream = co_await net::dial(loop, pool, to, deadline);
        if (!stream) throw std::runtime_error(stream.error().text());
        const net::Transfer got = co_await stream->read_some(block, deadline);
        if (got.status != net::Io::ok) throw std::runtime_error(stream->error());
        streams.push_back(std::move(*stream));
    }
}

}  // namespace

TEST_CASE("Endpoints are an address and a port") {
    CHECK(net::parse_endpoint("127.0.0.1:25")->port() == 25);
    CHECK(net::parse_endpoint("[::1]:143")->address().is_v6());
    CHECK(net::parse_endpoint("0.0.0.0:0")->port() == 0);
    for (const char* wrong : {"", "25", ":25", "::1:25", "localhost:25", "[127.0.0.1]:25",
                              "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:2x", "[::1]", "1.2.3:4"})
        CHECK_FALSE(net::parse_endpoint(wrong));
}

TEST_CASE("A port that is taken is a fault with its address") {
    toy::Server server;
    net::Loop loop;
    net::Connections connections(10);
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    const auto second = net::Listener::open(loop, address, server, connections, Log());
    REQUIRE_FALSE(second);
    CHECK(second.error().where == address);
    CHECK(second.error().error == EADDRINUSE);
}

TEST_CASE("IPv6 is listened to beside IPv4") {
    toy::Server server;
    net::Loop loop;
    net::Connections connections(10);
    const auto six = net::Listener::open(loop, "[::1]:" + std::to_string(server.port()), server,
                                         connections, Log());
    if (!six && six.error().error == EADDRNOTAVAIL) {
        WARN("no IPv6 here");
        return;
    }
    CHECK(six);
}

TEST_CASE("Over the limit there is a short refusal, and room again afterwards") {
    toy::Server server(toy::Server::Options{.limit = 2});
    Caller one(server.port()), two(server.port()), three(server.port());
    CHECK(one.line() == "HELLO");
    CHECK(two.line() == "HELLO");
    CHECK(three.line() == "FULL");
    CHECK(three.line() == "<end>");
    one.hang_up();
    std::string heard;
    for (int i = 0; i < 200 && heard != "HELLO"; ++i) {
        std::this_thread::sleep_for(10ms);
        heard = Caller(server.port()).line();
    }
    CHECK(heard == "HELLO");
    two.say("ECHO x\r\n");
    CHECK(two.line() == "x");
}

TEST_CASE("A server without descriptors left goes on when there are some again") {
    Child child(40);
    REQUIRE(child.port() != 0);
    std::vector<Caller> crowd;
    for (int i = 0; i < 60; ++i) crowd.emplace_back(child.port());
    int served = 0, refused = 0;
    for (Caller& caller : crowd) {
        const std::string line = caller.line(5000);
        served += line == "HELLO";
        refused += line == "FULL";
    }
    CHECK(served > 10);
    CHECK(refused > 10);
    CHECK(served + refused == 60);
    crowd.front().say("ECHO still\r\n");
    CHECK(crowd.front().line() == "still");
    crowd.clear();
    std::string heard;
    for (int i = 0; i < 100 && heard != "HELLO"; ++i) {
        std::this_thread::sleep_for(20ms);
        heard = Caller(child.port()).line();
    }
    CHECK(heard == "HELLO");
}

TEST_CASE("A pool works in order and finishes what it was given") {
    std::vector<int> done;
    {
        net::Pool pool("test", 1);
        for (int i = 0; i < 100; ++i) pool.post([&done, i] { done.push_back(i); });
        pool.stop();
        CHECK(done.size() == 100);
        CHECK(std::is_sorted(done.begin(), done.end()));
        CHECK_THROWS_AS(pool.post([] {}), std::logic_error);
    }
}

TEST_CASE("Memory of ten thousand idle connections", "[.bench]") {
    constexpr std::size_t count = 9900;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    Child child(limit.rlim_max);
    std::vector<Caller> crowd;
    crowd.emplace_back(child.port()).line();
    const std::size_t before = child.resident();
    const auto began = std::chrono::steady_clock::now();
    while (crowd.size() < count) {
        crowd.emplace_back(child.port());
        REQUIRE(crowd.back().line() == "HELLO");
        crowd.back().say("ECHO x\r\n");
        REQUIRE(crowd.back().line() == "x");
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const std::size_t after = child.resident();
    std::printf("%zu idle connections: %zu octets each, %.0f connections a second\n", count,
                (after - before) / count, count / took.count());
    CHECK((after - before) / count < 8192);
}

TEST_CASE("Memory of a thousand idle connections under TLS", "[.bench]") {
    constexpr std::size_t count = 1000;
    char pki[] = "/tmp/net_bench_XXXXXX";
    const std::string root = ::mkdtemp(pki);
    REQUIRE(net::make_self_signed(root + "/cert", root + "/key", "mail.test",
                                  std::chrono::system_clock::now()));
    Child child(4096, root);
    const auto tls = net::TlsClient::make("mail.test", net::Trust::any, "").value();
    net::Loop loop;
    net::Pool pool("lookup", 1);
    std::vector<net::Stream> first, streams;
    loop.spawn(call_many(loop, pool, {"127.0.0.1", child.port(), tls.get()}, 1, first), Log(), "");
    loop.run();
    const std::size_t before = child.resident();
    const auto began = std::chrono::steady_clock::now();
    loop.context().restart();
    loop.spawn(call_many(loop, pool, {"127.0.0.1", child.port(), tls.get()}, count, streams), Log(),
               "");
    loop.run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const std::size_t after = child.resident();
    std::filesystem::remove_all(root);
    REQUIRE(streams.size() == count);
    std::printf("%zu idle TLS connections: %zu octets each, %.0f handshakes a second, both ends\n",
                count, (after - before) / count, count / took.count());
    CHECK((after - before) / count < 40000);
}
