// Who wrote to whom, how often, since when: a fold over events, for `stats`.
//
// Pure, and bounded whatever comes: under a dictionary attack a day holds a million guessed names.
// The names seen most often are kept; the rest is one count. A defined address is never crowded out
// by guesses: both kinds have their own room.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/event.hpp"

namespace mailhandler::watch {

struct Counts {
    std::uint64_t accepted = 0, refused = 0, deferred = 0, fetched = 0, held = 0, bounced = 0;
    std::uint64_t logins = 0, failed_logins = 0;
    std::uint64_t octets = 0;  // of what was accepted or fetched

    void add(const Event& event);
    Counts& operator+=(const Counts& other);
    // Messages, whatever became of them; logins are none.
    std::uint64_t messages() const {
        return accepted + refused + deferred + fetched + held + bounced;
    }
};

// One address, or one peer.
struct History {
    std::string name;
    Counts counts;
    WallTime first{}, last{};
    std::string rule;            // the one that last decided about mail, of an address
    std::uint64_t guesses = 0;   // recipients only a default mail handler took, of a peer
};

// Histories by name, at most about `keep` of them: when there are twice as many, the half seen
// least often (then longest ago) becomes part of `others`.
class Histories {
  public:
    explicit Histories(std::size_t keep) : keep_(keep) {}

    History& at(const std::string& name, WallTime when);
    // The most often seen first, then by name; at most `keep`, the rest is in others().
    std::vector<History> top() const;
    // Events of names that were not kept. A name that comes back after it was dropped counts in
    // both places, each event in one.
    struct Others {
        std::uint64_t names = 0;  // at most: a name dropped twice counts twice
        Counts counts;
    };
    Others others() const;

  private:
    void prune();

    std::size_t keep_;
    std::unordered_map<std::string, History> known_;
    Others dropped_;
};

class Tally {
  public:
    // Only one canonical domain, or one address (its key), or, both empty, everything.
    struct Only {
        std::string domain, address;
    };
    explicit Tally(Only only = {}, std::size_t keep = 1000);

    void add(const Event& event);

    const Counts& total() const { return total_; }
    const std::map<std::string, Counts>& days() const { return days_; }  // "2026-11-23", UTC
    const Histories& defined() const { return defined_; }  // a mailbox, alias, bouncer …
    const Histories& guessed() const { return guessed_; }  // only a default took or refused it
    const Histories& peers() const { return peers_; }

  private:
    bool wanted(const Event& event, const std::string& key) const;

    Only only_;
    Counts total_;
    std::map<std::string, Counts> days_;
    Histories defined_, guessed_, peers_;
};

}  // namespace mailhandler::watch
