// One run of fetch over one account: ledger → secret → dial, TLS → session → harvest.
#pragma once

#include <memory>

#include "agent/retrieval.hpp"
#include "net/dial.hpp"
#include "net/drive.hpp"
#include "net/pool.hpp"

namespace mailhandler::run {

// What runs share. Outlives them.
struct Collecting {
    net::Loop& loop;
    net::Pool& pool;  // for everything that blocks; two threads for each account under way
    agent::Storehouse& house;
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

// Whether this version can collect what the file asks for. Errors: permanent.
Result<> collectable(const config::Fetch& fetch);

struct Gain {
    agent::Harvest harvest;
    // Who answered, for the table of headers; null where no ledger could be had.
    std::unique_ptr<agent::Retrieval> retrieval;
};
// Never fails: the harvest says what went wrong. The ledger is let go with Gain::retrieval.
net::Task<Gain> collect(Collecting& with, agent::Errand errand, Reach& reach);

// Logs in, lists and leaves: how many messages are there. `secret` instead of the configured one.
net::Task<Result<std::size_t>> look(Collecting& with, std::shared_ptr<const config::Fetch> fetch,
                                    std::optional<std::string> secret = {});

// The certificate the server shows, as PEM, whoever it may be: nothing is told to it.
net::Task<Result<std::string>> certificate_of(Collecting& with,
                                              std::shared_ptr<const config::Fetch> fetch);

}  // namespace mailhandler::run
