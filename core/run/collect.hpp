// One run of fetch over one account: ledger → secret → dial, TLS → session → harvest.
#pragma once

#include <memory>

#include "agent/retrieval.hpp"
#include "base/random.hpp"
#include "net/dial.hpp"
#include "net/drive.hpp"
#include "net/pool.hpp"
#include "run/rounds.hpp"

namespace mailhandler::run {

// What runs share. Outlives them.
struct Collecting {
    net::Loop& loop;
    net::Pool& pool;  // for everything that blocks; two threads for each account under way
    agent::Storehouse& house;
    Random& random;
};

// Reaches a run from outside. Network thread only.
class Reach {
  public:
    // The run ends soon: what has come is made durable and deleted.
    void drain();
    // The line breaks.
    void abort();
    bool draining() const { return draining_; }
    void connected(net::Handle handle);

  private:
    net::Handle handle_;
    bool draining_ = false;
};

// Never fails: the harvest says what went wrong. The ledger is let go with Gain::retrieval.
// `standing`: the session stays and waits for mail, until it is drained or the line is lost; each
// round is told there, and what is returned is the last of it.
net::Task<Gain> collect(Collecting& with, agent::Errand errand, Reach& reach,
                        const Standing* standing = nullptr);

// Logs in, lists and leaves: how many messages are there. `secret` instead of the configured one.
net::Task<Result<std::size_t>> look(Collecting& with, std::shared_ptr<const config::Fetch> fetch,
                                    std::optional<std::string> secret = {});

// The certificate the server shows, as PEM, whoever it may be: nothing is told to it.
net::Task<Result<std::string>> certificate_of(Collecting& with,
                                              std::shared_ptr<const config::Fetch> fetch);

}  // namespace mailhandler::run
