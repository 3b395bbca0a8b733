// What is held, in groups that have one remedy each: `held` prints them, the postmaster's daily
// summary mails them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/sorting.hpp"
#include "store/held.hpp"

namespace mailhandler::agent {

struct HeldGroup {
    std::string reason;          // HeldNote::reason
    std::uint64_t messages = 0;  // held copies
    std::uint64_t octets = 0;
    WallTime oldest{}, newest{};
    std::vector<std::string> samples;  // distinct recipients, a few
    bool more = false;                 // … and there are others
    std::string first;                 // id of the oldest
    std::string text;                  // of the oldest, in words
    std::string fetch;                 // of the oldest

    // What would mend it: a command, or what to edit; one or more lines.
    std::vector<std::string> remedies() const;
};

// A fold over notes; bounded memory.
class HeldReview {
  public:
    static constexpr std::size_t most_samples = 3;

    void add(const store::HeldNote& note);
    // Most messages first.
    std::vector<HeldGroup> groups() const;
    std::uint64_t messages() const { return messages_; }
    WallTime newest() const { return newest_; }

  private:
    std::map<std::string, HeldGroup> groups_;  // by reason
    std::uint64_t messages_ = 0;
    WallTime newest_{};
};

// The daily summary to the postmaster.
struct SummaryWorld {
    disk::Disk& disk;
    const store::Layout& layout;
    const route::Directory& directory;
    const Clock& clock;
    store::UniqueNames& names;
    std::string hostname;
};

// The summary as a message in wire form, addressed to `postmaster`.
std::string summary_message(const HeldReview& review, const SummaryWorld& world,
                            const mail::Address& postmaster);

// Delivers the summary into the postmaster's mailboxes where it is due: something was held since
// the last one, and that was on an earlier day (ROOT/state/held-summary remembers). True when one was
// delivered. To be called now and then, an hour apart say; blocking. Errors: of the disk; where route()
// has nobody here for the postmaster, permanent.
Result<bool> deliver_due_summary(const SummaryWorld& world);

}  // namespace mailhandler::agent
