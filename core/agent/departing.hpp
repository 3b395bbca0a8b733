// What of a collected message leaves again: one bounce to its sender for all recipients who are
// refused, and a copy for each address here that forwards. Used by Sorter.
#pragma once

#include <string_view>
#include <vector>

#include "agent/sorting.hpp"

namespace mailhandler::agent {

class Departing {
  public:
    // `pieces`: the message's beginning without what its envelope header tells (without_envelope),
    // for neither a next host nor a sender is to see whom else it names. All outlive it.
    Departing(const Sorter::World& world, const Arrived& message,
              const std::vector<std::string_view>& pieces, Judged& judged)
        : world_(world), message_(message), pieces_(pieces), judged_(judged) {}

    // Adds to `copies`. Ends that cannot leave after all become SetAside: the budget of bounces is
    // spent, a forward comes back to where it was. Errors: of the disk, temporary.
    Result<> bounce(std::vector<store::Copy>& copies);
    Result<> pass_on(std::vector<store::Copy>& copies);

  private:
    bool is_genuine() const;
    Result<> send(std::vector<PassedOn*>& ends, const Fate& fate, std::vector<store::Copy>& copies);

    const Sorter::World& world_;
    const Arrived& message_;
    const std::vector<std::string_view>& pieces_;
    Judged& judged_;
};

}  // namespace mailhandler::agent
