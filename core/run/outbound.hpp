// One connection of the outbound queue: from the messages of a lane to a host that takes them.
//
// MX hosts are tried in their order, each with all its addresses; TLS is taken where it is offered,
// and without where the handshake fails (a passive eavesdropper is all that an MX's certificate can
// keep out: DANE and MTA-STS are not evaluated). A smarthost is verified as [outbound] tls says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/delivery.hpp"
#include "agent/transfer.hpp"
#include "base/random.hpp"
#include "net/drive.hpp"
#include "net/pool.hpp"
#include "smtp/reply.hpp"

namespace mailhandler::run {

// Network thread only.
class Outbound {
  public:
    struct Ending {
        bool served = false;     // messages were taken, or none was left
        bool handshake = false;  // TLS was begun and failed
        smtp::Reply reply;       // where not served; code 0: nobody was asked
        std::string host;        // the last one asked
    };

    // All outlive it; `disk` does what blocks. Destroyed before `loop`.
    Outbound(net::Loop& loop, agent::Mailroom& room, net::Pool& disk, agent::Dispatch& dispatch);

    // Takes the lane's messages to the first of its hosts that will have them, one after the other.
    net::Task<Ending> serve(const std::string& lane, const config::Server& server);
    // Everything that is due in the lane meets this reply.
    net::Task<> refuse(std::string lane, std::string host, smtp::Reply reply,
                       const config::Server& server);

    void forget_secret() { secret_.clear(); }
    void drain() { draining_ = true; }  // nobody is called any more
    void abort();                       // lines break
    // Called once when nothing is under way. After drain().
    void when_idle(std::function<void()> function);
    // Ends the threads of its own; once the Loop has ended.
    void stop() { slow_.stop(); }

  private:
    struct Hop;
    struct Call;
    struct Prepare;

    net::Task<std::optional<smtp::Reply>> find_hops(const std::string& lane,
                                                    const config::Server& server,
                                                    std::vector<Hop>& hops);
    net::Task<Ending> try_hop(const std::string& lane, const Hop& hop, const config::Server& server);
    net::Task<Ending> call(Call& call, bool with_tls);
    Ending ending_of(const agent::Transfer& transfer, const Result<>& end, const std::string& host);
    void ended();

    net::Loop& loop_;
    agent::Mailroom& room_;
    net::Pool& disk_;
    agent::Dispatch& dispatch_;
    SystemRandom random_;
    net::Pool slow_;  // commands that print passwords, certificates of the system
    std::map<std::uint64_t, net::Handle> lines_;  // sessions under way
    std::uint64_t next_line_ = 0;
    std::size_t working_ = 0;  // sessions, and outcomes being written down
    bool draining_ = false;
    std::shared_ptr<const config::Server> secret_of_;
    std::string secret_;
    std::function<void()> when_idle_;
};

}  // namespace mailhandler::run
