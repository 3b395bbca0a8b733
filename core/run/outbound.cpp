#include "run/outbound.hpp"

#include <fmt/format.h>

#include "config/load.hpp"
#include "net/dial.hpp"
#include "net/resolve.hpp"
#include "net/tls.hpp"
#include "run/secret.hpp"

namespace mailhandler::run {

namespace {

constexpr std::uint16_t smtp_port = 25;
constexpr auto dial_limit = std::chrono::seconds(60);

std::string without_brackets(const std::string& host) {
    if (!host.starts_with('[') || !host.ends_with(']')) return host;
    const std::string inner = host.substr(1, host.size() - 2);
    return inner.size() > 5 && inner[4] == ':' ? inner.substr(5) : inner;
}

smtp::Reply reply_of(const net::NoHost& no) {
    return {no.temporary ? 451 : 550, no.enhanced, no.why};
}

// What stands before a host's own words. The host refuses us, not the message: temporary.
smtp::Reply reply_of(const std::string& host, const smtp::NoService& no) {
    return {451, "4.4.1",
            fmt::format("{}: {}: {} {} {}", host, no.doing, no.reply.code, no.reply.enhanced,
                        no.reply.text)};
}

}  // namespace

// A host to try.
struct Outbound::Hop {
    std::string host;
    std::uint16_t port = smtp_port;
    bool smarthost = false;
    bool implicit_tls = false;
    bool lmtp = false;
    bool all = smarthost;  // takes every recipient
};

// All of one connection to be. It lives in the coroutine's frame, and pools work on it.
struct Outbound::Call {
    const Hop& hop;
    std::vector<boost::asio::ip::tcp::endpoint> addresses;
    smtp::ClientSettings settings;
    std::unique_ptr<net::TlsClient> tls;
    agent::Route route;
};

// What is read from the disk or from a command before a connection.
struct Outbound::Prepare final : net::Work {
    Prepare(agent::Mailroom& r, const config::Server& s, Call& c, std::string known)
        : room(r), server(s), call(c), secret(std::move(known)) {}

    void run() override {
        const config::Outbound& out = server.outbound;
        if (call.hop.smarthost && !out.login.empty() && secret->empty()) {
            config::Fetch account;
            account.password_command = out.password_command;
            account.password_file = out.password_file;
            secret = read_secret(room.disk, room.layout, account);
        }
        if (!secret || call.settings.tls == smtp::ClientSettings::Tls::none) return;
        const bool verify = call.hop.smarthost && out.tls == config::TlsPolicy::verify;
        auto made = net::TlsClient::make(without_brackets(call.hop.host),
                                         verify ? net::Trust::verify : net::Trust::any, "");
        if (made)
            call.tls = std::move(*made);
        else
            secret = tl::unexpected(made.error());
    }

    agent::Mailroom& room;
    const config::Server& server;
    Call& call;
    Result<std::string> secret;
};

Outbound::Outbound(net::Loop& loop, agent::Mailroom& room, net::Pool& disk,
                   agent::Dispatch& dispatch)
    : loop_(loop), room_(room), disk_(disk), dispatch_(dispatch), slow_("outbound", 2) {}

net::Task<Outbound::Ending> Outbound::serve(const std::string& lane, const config::Server& server) {
    std::vector<Hop> hops;
    Ending all;
    std::optional<smtp::Reply> refused = co_await find_hops(lane, server, hops);
    for (const Hop& hop : hops) {
        if (draining_) break;
        all.host = hop.host;
        const Ending ending = co_await try_hop(lane, hop, server);
        if (ending.served) co_return ending;
        // As long as one host may yet take it, it is not refused for good.
        if (!refused || refused->code >= 500) refused = ending.reply;
    }
    if (refused && !draining_) all.reply = std::move(*refused);
    co_return all;
}

net::Task<std::optional<smtp::Reply>> Outbound::find_hops(const std::string& lane,
                                                       const config::Server& server,
                                                       std::vector<Hop>& hops) {
    const config::Outbound& out = server.outbound;
    if (store::is_server(lane)) {  // of a mailbox that is kept elsewhere
        const auto url = config::parse_url(lane);
        if (!url) co_return smtp::Reply{451, "4.3.5", "The server's URL is not understood"};
        hops.push_back({url->host, url->port, false, false, url->scheme == "lmtp", true});
        co_return std::nullopt;
    }
    if (!out.smarthost.empty()) {
        const auto url = config::parse_url(out.smarthost);
        if (!url) co_return smtp::Reply{451, "4.3.5", "The smarthost's URL is not understood"};
        hops.push_back({url->host, url->port, true, url->scheme == "smtps"});
        co_return std::nullopt;
    }
    net::Resolver resolver(loop_, out.resolver, random_);
    const net::Found<std::vector<std::string>> found =
        co_await resolver.mail_hosts(lane, server.hostname);
    if (!found) co_return reply_of(found.error());
    for (const std::string& host : *found) hops.push_back({host, smtp_port, false, false});
    co_return std::nullopt;
}

net::Task<Outbound::Ending> Outbound::try_hop(const std::string& lane, const Hop& hop,
                                        const config::Server& server) {
    using Tls = smtp::ClientSettings::Tls;
    const config::Outbound& out = server.outbound;
    Ending ending;
    net::Resolver resolver(loop_, out.resolver, random_);
    auto found = co_await resolver.addresses(hop.host, hop.port);
    if (!found) {
        ending.reply = reply_of(found.error());
        co_return ending;
    }
    Call call{hop, std::move(*found), {}, nullptr, {lane, hop.all, hop.host, out.retry_for, server.hostname}};
    call.settings.helo = server.hostname;
    call.settings.lmtp = hop.lmtp;
    call.settings.tls = !hop.smarthost || out.tls == config::TlsPolicy::opportunistic
                            ? Tls::opportunistic
                        : out.tls == config::TlsPolicy::none ? Tls::none
                                                             : Tls::required;
    Prepare prepare(room_, server, call, secret_of_.get() == &server ? secret_ : std::string());
    co_await net::offload(slow_, prepare);
    if (!prepare.secret) {
        ending.reply = {451, "4.7.0", prepare.secret.error().text()};
        co_return ending;
    }
    if (hop.smarthost && !out.login.empty()) {
        call.settings.login = out.login;
        call.settings.password = *prepare.secret;
        call.settings.nonce = random_text(random_, 25);
        secret_of_ = room_.snapshot.server.get() == &server ? room_.snapshot.server : nullptr;
        secret_ = *prepare.secret;
    }
    ending = co_await this->call(call, true);
    if (ending.handshake && call.settings.tls == Tls::opportunistic && !hop.implicit_tls)
        ending = co_await this->call(call, false);
    co_return ending;
}

// What a session came to.
Outbound::Ending Outbound::ending_of(const agent::Transfer& transfer, const Result<>& end,
                                     const std::string& host) {
    Ending ending;
    ending.served = transfer.messages() != 0 || (end && !transfer.no_service());
    if (ending.served) return ending;
    if (!end) ending.reply = {451, "4.3.0", end.error().text()};
    if (!transfer.no_service()) return ending;
    const smtp::NoService& no = *transfer.no_service();
    ending.reply = reply_of(host, no);
    ending.handshake = no.handshake;
    if (!end) ending.reply.text += ": " + end.error().text();
    if (no.doing == "AUTH") secret_.clear();
    return ending;
}

net::Task<Outbound::Ending> Outbound::call(Call& call, bool with_tls) {
    using Tls = smtp::ClientSettings::Tls;
    const Hop& hop = call.hop;
    Ending ending;
    net::Destination to{hop.host, hop.port, nullptr};
    if (hop.implicit_tls && with_tls) to.tls = call.tls.get();
    smtp::ClientSettings settings = call.settings;
    if (!with_tls) settings.tls = Tls::none;
    // Where the configuration says that no TLS is needed: on loopback only.
    settings.secure = to.tls != nullptr || (hop.smarthost && settings.tls == Tls::none &&
                                            config::is_loopback(hop.host));
    const Instant deadline = room_.clock.now() + dial_limit;
    Result<net::Stream> dialled = co_await net::dial(loop_, call.addresses, to, deadline);
    if (draining_) co_return ending;
    if (!dialled) {
        ending.reply = {451, "4.4.1", dialled.error().text()};
        co_return ending;
    }
    net::Stream stream = std::move(*dialled);
    const std::uint64_t line = next_line_++;
    lines_[line] = stream.handle();
    ++working_;
    {
        const net::Means means{loop_, room_.clock, disk_, disk_, room_.log, call.tls.get()};
        agent::Transfer transfer(dispatch_, call.route);
        smtp::ClientSession session(std::move(settings));
        const Result<> end = co_await net::drive(stream, session, transfer, means);
        ending = ending_of(transfer, end, hop.host);
    }
    lines_.erase(line);
    ended();
    co_return ending;
}

namespace {

struct Refuse final : net::Work {
    Refuse(agent::Dispatch& dispatch, agent::Route route, smtp::Reply r)
        : transfer(dispatch, std::move(route)), reply(std::move(r)) {}
    void run() override { transfer.refuse_lane(reply); }

    agent::Transfer transfer;
    smtp::Reply reply;
};

}  // namespace

net::Task<> Outbound::refuse(std::string lane, std::string host, smtp::Reply reply,
                          const config::Server& server) {
    agent::Route route;
    route.all = store::is_server(lane) || !server.outbound.smarthost.empty();
    route.lane = std::move(lane);
    route.host = std::move(host);
    route.retry_for = server.outbound.retry_for;
    route.hostname = server.hostname;
    ++working_;
    {
        Refuse work(dispatch_, std::move(route), std::move(reply));
        co_await net::offload(disk_, work);
    }
    ended();
}

// --- the end ------------------------------------------------------------------------------

void Outbound::abort() {
    for (const auto& [number, handle] : lines_) handle.abort();
}

// Who is only being called is not waited for: nothing was begun with them.
void Outbound::when_idle(std::function<void()> function) {
    if (working_ == 0) return function();
    when_idle_ = std::move(function);
}

void Outbound::ended() {
    if (--working_ == 0 && when_idle_) std::exchange(when_idle_, {})();
}

}  // namespace mailhandler::run
