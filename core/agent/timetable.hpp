// What of the queue is due, in memory: ids, times and destinations only, so that 100,000 waiting
// messages cost some 20 MB. The queue on disk (store/spool) is the truth, this is its index.
//
// A message is waiting, due or under way. What is due stands in the lane of its destination, first
// in, first out; with a smarthost there is one lane, "", for all but what a server of its own
// takes (Queued::via). Safe from several threads.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"

namespace mailhandler::agent {

// One message under way. It is given back by done().
struct Job {
    std::string id;
    std::string destination;        // whose turn it is: a domain, or a server
    std::set<std::string> tried;    // address keys that had their attempt in this round
    std::set<std::string> settled;  // … that are owed nothing, although the disk may not know it
};

class Timetable {
  public:
    // A message is there, or its time has changed. While it is under way this says nothing new.
    // True: somebody else gave a message that was known another time.
    bool note(const std::string& id, WallTime when, const std::string& destination);
    // It has gone.
    void forget(const std::string& id);
    // All in one lane, or one for each destination.
    void single_lane(bool single);

    // What is due goes to its lane. When something more will be: nothing, or later than `now`.
    std::optional<WallTime> advance(WallTime now);
    // Lanes where something waits to be taken, and how many messages.
    std::vector<std::pair<std::string, std::size_t>> lanes() const;

    // The next message of a lane, which then is under way. Nothing after stop().
    std::optional<Job> take(const std::string& lane);
    // The message is owed to nobody any more.
    void done(const Job& job);
    // It is to be tried at `when`; what was tried or settled is remembered.
    void again(Job job, WallTime when);

    void stop();
    std::size_t size() const;

  private:
    enum class State { waiting, due, working };
    struct Rest {  // of a round that is not over
        std::set<std::string> tried, settled;
    };
    struct Entry {
        WallTime when{};
        std::string destination;
        State state = State::waiting;
        std::unique_ptr<Rest> rest;  // few have one
    };
    using Entries = std::unordered_map<std::string, Entry>;

    const std::string& lane_of(const Entry& entry) const;
    void wait(Entries::value_type& at, WallTime when);
    void unwait(Entries::value_type& at);

    mutable std::mutex mutex_;
    Entries entries_;
    std::set<std::pair<WallTime, const std::string*>> waiting_;
    // Ids that are no longer due may stand here too: take() passes over them.
    std::map<std::string, std::deque<std::string>> lanes_;
    const std::string one_;
    WallTime now_{};  // of the last advance()
    bool single_ = false, stopped_ = false;
};

}  // namespace mailhandler::agent
