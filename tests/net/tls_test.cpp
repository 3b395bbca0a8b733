#include "net/tls.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>

#include "net/caller.hpp"
#include "net/certificate.hpp"
#include "net/dial.hpp"
#include "net/toy.hpp"

using namespace mailhandler;
using namespace std::chrono_literals;

namespace {

// A directory with a certificate for "mail.test" and one for 127.0.0.1, gone with the test.
struct Pki {
    Pki() {
        char name[] = "/tmp/net_tls_XXXXXX";
        root = ::mkdtemp(name);
        make("cert", "mail.test");
    }
    ~Pki() { std::filesystem::remove_all(root); }
    std::string path(const std::string& name) const { return root + "/" + name + ".pem"; }
    std::string key(const std::string& name) const { return root + "/" + name + ".key"; }
    void make(const std::string& name, const std::string& host) const {
        const Result<> made = net::make_self_signed(path(name), key(name), host,
                                                    std::chrono::system_clock::now());
        if (!made) throw std::runtime_error(made.error().text());
    }
    void install(const std::string& name) const {
        std::filesystem::rename(path(name), path("cert"));
        std::filesystem::rename(key(name), key("cert"));
    }
    std::unique_ptr<net::TlsServer> server(const Clock& clock, Log log = {}) const {
        return net::TlsServer::load({path("cert"), key("cert")}, clock, std::move(log)).value();
    }
    std::string root;
};

struct SetClock final : Clock {
    Instant now() const override { return instant; }
    WallTime wall() const override { return {}; }
    std::atomic<Instant> instant = std::chrono::steady_clock::now();
};

// Runs one coroutine on a loop of its own; its value, or the exception.
template <class T>
T await(net::Loop& loop, net::Task<T> task) {
    std::optional<T> value;
    std::exception_ptr failure;
    auto done = [&](std::exception_ptr f, T v) {
        failure = f;
        if (!f) value = std::move(v);
        loop.stop();
    };
    boost::asio::co_spawn(loop.context(), std::move(task), done);
    loop.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*value);
}

// Says `octets`, then hears until the peer ends or `until` has been heard.
net::Task<std::string> exchange(net::Stream& stream, std::string_view octets,
                                std::string_view until) {
    const net::Io said = co_await stream.write_all(octets, 5s);
    std::string heard;
    std::vector<char> block(5000);
    while (said == net::Io::ok && heard.find(until) == std::string::npos) {
        const Instant deadline = std::chrono::steady_clock::now() + 5s;
        const net::Transfer got = co_await stream.read_some(block, deadline);
        if (got.status != net::Io::ok) {
            heard += got.status == net::Io::eof ? "<end>" : "<" + stream.error() + ">";
            break;
        }
        heard.append(block.data(), got.size);
    }
    co_return heard;
}

// One call: dials, says, hears. A failure to connect is "fault: …".
net::Task<std::string> call(net::Loop& loop, net::Pool& pool, net::Destination to,
                            std::string octets, std::string until) {
    const Instant deadline = std::chrono::steady_clock::now() + 5s;
    Result<net::Stream> stream = co_await net::dial(loop, pool, to, deadline);
    if (!stream) co_return "fault: " + stream.error().text();
    std::string heard = co_await exchange(*stream, octets, until);
    co_await stream->close(deadline);
    co_return heard;
}

std::string call_once(std::uint16_t port, net::TlsRole* tls, std::string octets) {
    net::Loop loop;
    net::Pool pool("lookup", 1);
    return await(loop, call(loop, pool, {"127.0.0.1", port, tls}, std::move(octets), "BYE\r\n"));
}

std::unique_ptr<net::TlsClient> client(const std::string& host, const std::string& ca) {
    return net::TlsClient::make(host, net::Trust::verify, ca).value();
}

// The client of STARTTLS, as a session: it sends more in clear than it should.
class Upgrader {
  public:
    void receive(std::string_view octets) { heard += octets; }
    void eof() { state_ = done; }
    void answer(toy::Answer) {}
    void wake() {}
    void secured(const wire::TlsInfo&) {
        heard += "[";
        state_ = after;
    }
    toy::Action next(Instant now) {
        if (state_ == before) {
            state_ = upgrading;
            return wire::Send{"STARTTLS\r\nECHO injected\r\n"};
        }
        if (state_ == upgrading && heard.ends_with("GO\r\n")) return wire::StartTls{};
        if (state_ == after) {
            state_ = waiting;
            return wire::Send{"ECHO later\r\nQUIT\r\n"};
        }
        if (state_ == done || heard.ends_with("BYE\r\n")) return wire::Close{};
        return wire::Read{now + 5s};
    }
    std::string heard;

  private:
    enum { before, upgrading, after, waiting, done } state_ = before;
};

net::Task<std::string> upgrade(net::Destination to, const net::Means& means) {
    const Instant deadline = std::chrono::steady_clock::now() + 5s;
    Result<net::Stream> stream = co_await net::dial(means.loop, means.disk, to, deadline);
    if (!stream) co_return stream.error().text();
    toy::Diary diary;
    toy::Owner owner(diary);
    Upgrader session;
    const Result<> end = co_await net::drive(*stream, session, owner, means);
    if (!end) session.heard += "fault: " + end.error().text();
    co_return session.heard;
}

std::string upgrade_once(std::uint16_t port, net::TlsRole* tls) {
    SystemClock clock;
    net::Loop loop;
    net::Pool pool("pool", 1);
    net::Means means{loop, clock, pool, pool, Log()};
    means.tls = tls;
    return await(loop, upgrade({"127.0.0.1", port, nullptr}, means));
}

}  // namespace

TEST_CASE("A certificate is made and understood") {
    const Pki pki;
    const Result<net::Certificate> seen = net::inspect(pki.path("cert"));
    REQUIRE(seen);
    CHECK(seen->subject == "CN = mail.test");
    CHECK(seen->names == std::vector<std::string>{"mail.test"});
    CHECK(seen->self_signed);
    CHECK(seen->fingerprint.size() == 95);
    CHECK(seen->not_after - std::chrono::system_clock::now() > std::chrono::hours(24 * 3651));
    CHECK(seen->not_before < std::chrono::system_clock::now());
    CHECK(net::key_matches(pki.path("cert"), pki.key("cert")).value());
    CHECK(net::names_host(pki.path("cert"), "mail.test").value());
    CHECK_FALSE(net::names_host(pki.path("cert"), "other.test").value());
    struct stat status {};
    REQUIRE(::stat(pki.key("cert").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    pki.make("other", "127.0.0.1");
    CHECK(net::inspect(pki.path("other"))->names == std::vector<std::string>{"127.0.0.1"});
    CHECK_FALSE(net::key_matches(pki.path("cert"), pki.key("other")).value());
    CHECK_FALSE(net::inspect(pki.key("cert")));
    CHECK_FALSE(net::inspect(pki.path("none")));
    // Nothing is ever overwritten.
    CHECK_FALSE(net::make_self_signed(pki.path("cert"), pki.key("new"), "x.test", {}));
    CHECK_FALSE(std::filesystem::exists(pki.key("new")));
}

TEST_CASE("TLS from the first octet") {
    const Pki pki;
    const SystemClock clock;
    const auto tls = pki.server(clock);
    toy::Server server(toy::Server::Options{.tls_first = true, .tls = tls.get()});
    const auto trusting = client("mail.test", pki.path("cert"));
    CHECK(call_once(server.port(), trusting.get(), "ECHO x\r\nASK y\r\nQUIT\r\n") ==
          "HELLO secure\r\nx\r\nANSWER y\r\nBYE\r\n");
    const std::string body =
        call_once(server.port(), trusting.get(), "BODY 3000000\r\nQUIT\r\n");
    CHECK(body.size() == 14 + 3000000 + 5);
    CHECK(call_once(server.port(), nullptr, "ECHO in clear\r\nQUIT\r\n").find("clear") ==
          std::string::npos);
}

TEST_CASE("A client believes only the right name from the right authority") {
    const Pki pki;
    pki.make("other", "mail.test");
    const SystemClock clock;
    const auto tls = pki.server(clock);
    toy::Server server(toy::Server::Options{.tls_first = true, .tls = tls.get()});
    const auto wrong_name = client("evil.test", pki.path("cert"));
    CHECK(call_once(server.port(), wrong_name.get(), "QUIT\r\n").find("ostname mismatch") !=
          std::string::npos);
    const auto wrong_authority = client("mail.test", pki.path("other"));
    CHECK(call_once(server.port(), wrong_authority.get(), "QUIT\r\n").find("is not trusted") !=
          std::string::npos);
    const auto anybody = net::TlsClient::make("evil.test", net::Trust::any, "").value();
    CHECK(call_once(server.port(), anybody.get(), "QUIT\r\n") == "HELLO secure\r\nBYE\r\n");
    CHECK_FALSE(net::TlsClient::make("mail.test", net::Trust::verify, pki.path("none")));
}

TEST_CASE("STARTTLS upgrades both ways, and what was sent ahead in clear is not obeyed") {
    const Pki pki;
    const SystemClock clock;
    const auto tls = pki.server(clock);
    toy::Server server(toy::Server::Options{.tls = tls.get()});
    const auto trusting = client("mail.test", pki.path("cert"));
    CHECK(upgrade_once(server.port(), trusting.get()) ==
          "HELLO\r\nGO\r\n[SECURE TLSv1.3\r\nlater\r\nBYE\r\n");
    const auto doubting = client("mail.test", "");
    CHECK(upgrade_once(server.port(), doubting.get()).find("is not trusted") != std::string::npos);
}

TEST_CASE("A handshake that does not come ends by its deadline, and rubbish ends it at once") {
    const Pki pki;
    const SystemClock clock;
    const auto tls = pki.server(clock);
    toy::Server server(toy::Server::Options{.tls = tls.get(), .handshake = 1s});
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    caller.say("STARTTLS\r\n");
    CHECK(caller.line() == "GO");
    caller.say("ECHO this is no handshake\r\n");
    std::string last = caller.line();
    CHECK(last.find("no handshake") == std::string::npos);
    CHECK(soon([&] { return server.talk().find("TLS: wrong version") != std::string::npos; }));
    Caller mute(server.port());
    mute.say("STARTTLS\r\n");
    CHECK(mute.line() == "HELLO");
    CHECK(mute.line() == "GO");
    CHECK(mute.line(3000)[0] == '<');
    CHECK(mute.line() != "<silence>");
    CHECK(soon([&] { return server.talk().find("took too long") != std::string::npos; }));
    toy::Server bare;
    Caller hopeful(bare.port());
    hopeful.say("STARTTLS\r\n");
    CHECK(hopeful.line() == "HELLO");
    CHECK(hopeful.line() == "GO");
    CHECK(hopeful.line()[0] == '<');
}

TEST_CASE("A changed certificate is used, and a broken one is not") {
    const Pki pki;
    SetClock clock;
    std::string talk;
    const auto tls = pki.server(clock, Log([&](Severity, std::string_view t) { talk += t; }));
    toy::Server server(toy::Server::Options{.tls_first = true, .tls = tls.get()});
    const auto ask = [&](const char* name) {
        clock.instant = clock.instant.load() + 2s;
        const auto role = client(name, pki.path("now"));
        return call_once(server.port(), role.get(), "QUIT\r\n") == "HELLO secure\r\nBYE\r\n";
    };
    std::filesystem::copy(pki.path("cert"), pki.path("now"));
    CHECK(ask("mail.test"));
    pki.make("next", "next.test");
    std::filesystem::copy(pki.path("next"), pki.path("now"),
                          std::filesystem::copy_options::overwrite_existing);
    CHECK_FALSE(ask("next.test"));
    pki.install("next");
    CHECK(ask("next.test"));
    CHECK(talk.find("is in use") != std::string::npos);
    talk.clear();
    std::filesystem::resize_file(pki.path("cert"), 10);
    CHECK(ask("next.test"));
    CHECK(ask("next.test"));
    CHECK(talk.find("the old one stays") != std::string::npos);
    CHECK(talk.find("the old one stays") == talk.rfind("the old one stays"));
    CHECK_FALSE(net::TlsServer::load({pki.path("cert"), pki.key("cert")}, clock, {}));
}

TEST_CASE("A call to nobody fails with a reason") {
    std::uint16_t port = 0;
    {
        toy::Server server;
        port = server.port();
    }
    CHECK(call_once(port, nullptr, "x").find("Connection refused") != std::string::npos);
}
