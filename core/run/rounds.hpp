// The owner of a collecting session: hands its questions to one Retrieval after another. A run has
// one round; a session that stays (every = "idle") has one for each time something came, and each
// takes the ledger, and lets it go, so that `mailhandler fetch` can come between them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/retrieval.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::run {

// What came of one round.
struct Gain {
    agent::Harvest harvest;
    // Who answered, for the table of headers; null where no ledger could be had, and for rounds of a
    // session that stays.
    std::unique_ptr<agent::Retrieval> retrieval;
    bool rested = false;  // the session has waited for mail: the account works
};

// For a session that stays; all of it on the network thread.
struct Standing {
    std::function<agent::Errand()> errand;      // of the next round
    std::function<void(const Gain&)> done;      // after each round that is followed by a rest
    std::function<void(bool resting)> resting;  // it begins to wait, and ends waiting
};

class Rounds {
  public:
    // `first` answers for the first round. `standing` may be null: there is no other.
    Rounds(agent::Storehouse& house, std::unique_ptr<agent::Retrieval> first,
           const Standing* standing)
        : house_(house), retrieval_(std::move(first)), standing_(standing),
          began_(house.clock.now()) {}

    wire::ClientAnswer answer(wire::ClientQuestion question);

    // A login that fails is not told to the Retrieval, which may then be used once more.
    void forgive_login(bool forgive) { forgiving_ = forgive; }
    bool forgiven() { return std::exchange(forgiven_, false); }

    // What was not told to `standing` yet: the only round, or the last one.
    Gain last(const wire::Outcomes& session, const std::string& host);

  private:
    wire::ClientAnswer rest();
    std::optional<Fault> begin();
    void finish();

    agent::Storehouse& house_;
    std::unique_ptr<agent::Retrieval> retrieval_;
    const Standing* standing_;
    std::optional<agent::Errand> errand_;  // of a round that begins
    std::optional<agent::Harvest> harvest_;  // of one that has ended, not told yet
    Instant began_;
    bool forgiving_ = false, forgiven_ = false, rested_ = false;
};

// One that is collected by another process at the moment.
Fault busy_or(Fault fault);

}  // namespace mailhandler::run
