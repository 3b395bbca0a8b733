// What becomes of trouble with queued mail (Dispatch::failed, tell): its sender is told by a
// report that goes into the queue, or the message is held, or neither is due. Who is told says
// Bounces; this reads the message, and writes.
#pragma once

#include <functional>
#include <string>

#include "agent/bounce.hpp"
#include "agent/transfer.hpp"
#include "store/layout.hpp"
#include "store/spool.hpp"

namespace mailhandler::agent {

class Reporting {
  public:
    // All outlive it. `queued` is told of each report; it may be called from any thread.
    Reporting(disk::Disk& disk, const store::Layout& layout, store::Spool& spool, Bounces& bounces,
              const Clock& clock, std::function<void(const std::string& id)> queued, Log log)
        : disk_(disk), layout_(layout), spool_(spool), bounces_(bounces), clock_(clock),
          queued_(std::move(queued)), log_(std::move(log)) {}

    // On success somebody has it durably, or nobody shall: a bounce that failed itself, a sender who
    // asked not to be told. A crash before the queue knows tells, or holds, once more. Blocking.
    Result<> failed(const Trouble& trouble);
    // Of what is late or relayed the sender is told, where that may be; nothing depends on it.
    void tell(const Trouble& trouble);

  private:
    Result<> add(Report report);

    disk::Disk& disk_;
    const store::Layout& layout_;
    store::Spool& spool_;
    Bounces& bounces_;
    const Clock& clock_;
    const std::function<void(const std::string& id)> queued_;
    const Log log_;
};

}  // namespace mailhandler::agent
