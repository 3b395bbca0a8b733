// Who is told that mail was not delivered, and who is not.
//
// The outbound queue asks when it gives a message up or has waited long; whoever refuses a message
// after it was taken on asks the same way. What is answered is put into the spool, or held, by who
// asked: nothing is written here.
//
// Never told: the null sender, a list, an automaton (mail/bounceable.hpp), the sender of mail
// passed on that nobody authenticated, and of our own bounces nobody. Everybody else only within
// the budget.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "agent/bounce_budget.hpp"
#include "base/clock.hpp"
#include "mail/dsn.hpp"
#include "store/maildir.hpp"
#include "store/spool.hpp"

namespace mailhandler::agent {

// What is to be told about.
struct Unsent {
    const store::Queued& message;
    std::span<const store::Owed> recipients;  // of it: who did not get it
    std::string_view header;                  // the message's beginning, all its header at least
    mail::DsnAction action = mail::DsnAction::failed;
    WallTime until{};               // delayed: when it is given up
    std::string_view content = {};  // the whole message, where its sender may have it back
};

// A report for the spool.
struct Report {
    store::Queued envelope;  // Kind::bounce, null sender, NOTIFY=NEVER
    std::string octets;
};
// Nobody is told. With `hold`, the message must not be lost for that: its copy belongs into the
// held area, with held_note_of().
struct Untold {
    std::string why;  // in words that follow "not bounced: "
    bool hold = false;
};

class Bounces {
  public:
    // `names` and `clock` outlive it. The budget is kept in memory, or beside others in the state
    // directory.
    Bounces(store::UniqueNames& names, const Clock& clock, BounceBudget::Limits limits = {})
        : names_(names), clock_(clock), budget_(limits) {}
    Bounces(store::UniqueNames& names, const Clock& clock, disk::Disk& disk,
            const store::Layout& layout)
        : names_(names), clock_(clock), budget_(disk, layout) {}

    // Safe from several threads. `hostname` is ours, of the configuration in force.
    std::variant<Report, Untold> about(const Unsent& unsent, const std::string& hostname);

  private:
    store::UniqueNames& names_;
    const Clock& clock_;
    BounceBudget budget_;
};

}  // namespace mailhandler::agent
