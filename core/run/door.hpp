// The owner of one session of mail that comes in from anywhere: agent::Reception, and beside it the
// check of the sender by SPF, which needs the network.
//
// The check begins when the first recipient is accepted (who only guesses names costs no lookups),
// runs while the message comes in, and is waited for before Commit. It blocks nobody else and never
// refuses by itself. Peers on loopback are not checked, except where [outbound] resolver names a DNS
// server for tests.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "agent/delivery.hpp"
#include "net/spf.hpp"

namespace mailhandler::run {

class Door {
  public:
    // All outlive it; `loop` and `checker` also the checks it began.
    Door(net::Loop& loop, net::SpfChecker& checker, agent::Mailroom& room,
         const smtp::Client& client);

    smtp::Answer answer(smtp::Question question);
    net::Task<> before(const smtp::Question& question);

  private:
    struct Check;
    void begin_check();
    static net::Task<> run(net::SpfChecker& checker, std::string server, net::SpfSubject subject,
                           std::shared_ptr<Check> check, Log log);

    net::Loop& loop_;
    net::SpfChecker& checker_;
    agent::Mailroom& room_;
    const smtp::Client& client_;
    agent::Reception reception_;
    std::string sender_;  // of the transaction, as SPF wants it
    std::shared_ptr<Check> check_;
};

}  // namespace mailhandler::run
