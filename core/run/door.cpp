#include "run/door.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mailhandler::run {

namespace asio = boost::asio;

// Of one sender. Whoever began it may have left when it ends.
struct Door::Check {
    Check(net::Loop& loop, std::string helo_name)
        : helo(std::move(helo_name)), ended(loop.context(), asio::steady_timer::time_point::max()) {}

    const std::string helo;
    std::optional<std::string> result;
    asio::steady_timer ended;  // cancelled when it has
};

Door::Door(net::Loop& loop, net::SpfChecker& checker, agent::Mailroom& room,
           const smtp::Client& client)
    : loop_(loop), checker_(checker), room_(room), client_(client), reception_(room, client, smtp::Service::mx) {}

smtp::Answer Door::answer(smtp::Question question) {
    if (const auto* from = std::get_if<smtp::MayFrom>(&question)) {
        const auto& address = from->sender.address;
        sender_ = address ? address->local() + '@' + address->domain() : std::string();
        check_.reset();
    }
    const bool recipient = std::holds_alternative<smtp::MayTo>(question);
    smtp::Answer answer = reception_.answer(std::move(question));
    if (recipient && !check_ && answer.replies.front().positive()) begin_check();
    return answer;
}

void Door::begin_check() {
    const std::string& server = room_.snapshot.server->outbound.resolver;
    if (client_.peer.loopback && server.empty()) return;
    check_ = std::make_shared<Check>(loop_, client_.helo);
    net::SpfSubject subject{client_.peer.address, client_.helo, sender_};
    loop_.spawn(run(checker_, server, std::move(subject), check_, room_.log), room_.log, "spf");
}

net::Task<> Door::run(net::SpfChecker& checker, std::string server, net::SpfSubject subject,
                      std::shared_ptr<Check> check, Log log) {
    std::string result = "temperror";
    try {
        result = co_await checker.check(std::move(server), std::move(subject));
    } catch (const std::exception& error) {
        log.error(std::string("spf: a bug of ours: ") + error.what());
    }
    check->result = std::move(result);  // whatever happened: a message waits for it
    check->ended.cancel();
}

net::Task<> Door::before(const smtp::Question& question) {
    if (!check_ || !std::holds_alternative<smtp::Commit>(question)) co_return;
    while (!check_->result) {
        boost::system::error_code cancelled;
        co_await check_->ended.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    mail::SenderCheck told{*check_->result, check_->helo};
    reception_.checked(std::move(told));
}

}  // namespace mailhandler::run
