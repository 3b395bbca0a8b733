// The servers that take what fetch has sorted: deliver = "lmtp://…" or "smtp://…". One session a
// batch; agent::Handover is its owner.
//
// TLS is taken where it is offered, whoever offers it: these servers stand beside us.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/handover.hpp"
#include "net/drive.hpp"
#include "net/pool.hpp"

namespace mailhandler::run {

class LocalServers {
  public:
    // `hostname` is how we greet; asked on the network thread. All outlive it.
    LocalServers(net::Loop& loop, net::Pool& pool, const Clock& clock, Log log,
                 std::function<std::string()> hostname)
        : loop_(loop), pool_(pool), clock_(clock), log_(std::move(log)), hostname_(std::move(hostname)) {}

    // agent::CallServer. On any thread but the loop's, while the loop runs.
    std::optional<smtp::Reply> call(const std::string& server, agent::Handover& owner);

  private:
    struct Ending;
    net::Task<> serve(std::string server, agent::Handover& owner, std::shared_ptr<Ending> ending);
    net::Task<std::optional<smtp::Reply>> converse(const std::string& server, agent::Handover& owner);

    net::Loop& loop_;
    net::Pool& pool_;
    const Clock& clock_;
    const Log log_;
    const std::function<std::string()> hostname_;
};

}  // namespace mailhandler::run
