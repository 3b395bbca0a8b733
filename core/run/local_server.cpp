#include "run/local_server.hpp"

#include <future>

#include "config/load.hpp"
#include "net/dial.hpp"
#include "net/tls.hpp"

namespace mailhandler::run {

namespace {

constexpr auto dial_limit = std::chrono::seconds(30);
// A server beside us answers sooner than RFC 5321 section 4.5.3.2 has strangers answer; and who
// stops us waits for it.
constexpr std::chrono::seconds reply_limit{60}, end_limit{120};

smtp::Reply not_now(const std::string& why) { return {451, "4.4.1", why}; }

}  // namespace

// Where the coroutine leaves its answer. A loop that ends before leaves none, which is one too.
struct LocalServers::Ending {
    std::promise<std::optional<smtp::Reply>> promise;
};

std::optional<smtp::Reply> LocalServers::call(const std::string& server, agent::Handover& owner) {
    auto ending = std::make_shared<Ending>();
    std::future<std::optional<smtp::Reply>> answer = ending->promise.get_future();
    loop_.post([this, server, &owner, ending = std::move(ending)] {
        loop_.spawn(serve(server, owner, ending), log_, "handover");
    });
    try {
        return answer.get();
    } catch (const std::future_error&) {
        return not_now("stopped before it was sent");
    }
}

net::Task<> LocalServers::serve(std::string server, agent::Handover& owner,
                                std::shared_ptr<Ending> ending) {
    std::optional<smtp::Reply> failed;
    try {
        failed = co_await converse(server, owner);
    } catch (const std::exception& error) {
        log_.error(std::string("handover: a bug of ours: ") + error.what());
        failed = not_now("a bug of ours");
    }
    ending->promise.set_value(std::move(failed));
}

net::Task<std::optional<smtp::Reply>> LocalServers::converse(const std::string& server,
                                                             agent::Handover& owner) {
    const auto url = config::parse_url(server);
    if (!url) co_return not_now("the URL is not understood");
    auto tls = net::TlsClient::make(url->host, net::Trust::any, "");
    if (!tls) co_return not_now(tls.error().text());
    smtp::ClientSettings settings;
    settings.helo = hostname_();
    settings.lmtp = url->scheme == "lmtp";
    settings.reply = settings.data = reply_limit;
    settings.end = end_limit;
    const net::Destination to{url->host, url->port, nullptr};
    const Instant deadline = clock_.now() + dial_limit;
    Result<net::Stream> dialled = co_await net::dial(loop_, pool_, to, deadline);
    if (!dialled) co_return not_now(dialled.error().text());
    net::Stream stream = std::move(*dialled);
    const net::Means means{loop_, clock_, pool_, pool_, log_, tls->get()};
    smtp::ClientSession session(std::move(settings));
    const Result<> end = co_await net::drive(stream, session, owner, means);
    if (!end) co_return not_now(end.error().text());
    co_return std::nullopt;
}

}  // namespace mailhandler::run
