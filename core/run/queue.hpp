// The outbound queue of a running server: when what is tried, over how many connections.
//
// What is due is sorted into lanes, one per destination domain (one for all with a smarthost). A lane
// has a few connections at most (run/outbound.hpp), each sends one message after the other. Mail of a
// mailbox whose `deliver` names a server has that server's lane, with or without a smarthost. A
// destination that cannot be reached is called by one, less and less often, and not once for each
// message.
//
// New messages are noticed by queued(), or within a tenth of a second by inotify: that is how
// `queue retry` and messages that other processes put there come in.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/delivery.hpp"
#include "agent/reporting.hpp"
#include "agent/transfer.hpp"
#include "net/watch_files.hpp"
#include "run/outbound.hpp"

namespace mailhandler::run {

// Network thread only, except queued().
class Queue {
  public:
    static constexpr std::size_t per_lane = 4, to_smarthost = 8, in_all = 20;
    // A lane is given one connection more for each so many messages that are due.
    static constexpr std::size_t messages_per_connection = 5;
    // How long a lane rests after its first failure, doubled by each one, and at most.
    static constexpr std::chrono::seconds first_rest{1}, longest_rest{300};

    // All outlive it; `disk` does what blocks. Destroyed before `loop`.
    Queue(net::Loop& loop, agent::Mailroom& room, net::Pool& disk, store::Spool& spool,
          agent::Bounces& bounces);
    ~Queue();

    // Begins: reads what is in the queue, off the network thread, and watches it.
    Result<> open();
    // The room's snapshot has changed.
    void apply();
    // A message is there, or its time has changed. Any thread.
    void queued(const std::string& id);

    // Takes no message any more; transactions under way are finished.
    void drain();
    void abort() { outbound_.abort(); }  // … their lines break
    // Called once when nothing is under way. After drain().
    void when_idle(std::function<void()> function) { outbound_.when_idle(std::move(function)); }
    // Ends the threads of its own; once the Loop has ended.
    void stop() { outbound_.stop(); }

  private:
    void load_all();
    void noted(bool moved);
    void notice(const std::vector<std::string>& paths);
    void kick();
    void rest(const std::string& lane);
    net::Task<> serve(std::string lane);
    net::Task<> serve_lane(std::string lane);

    net::Loop& loop_;
    agent::Mailroom& room_;
    net::Pool& disk_;
    store::Spool& spool_;
    SystemRandom random_;
    agent::Timetable timetable_;
    agent::Reporting reporting_;
    agent::Dispatch dispatch_;
    Outbound outbound_;
    std::unique_ptr<net::WatchFiles> watch_;
    boost::asio::steady_timer timer_;
    std::map<std::string, std::size_t> serving_;  // lane → connections, also to be
    std::size_t connections_ = 0;
    // Lanes none of whose hosts could be reached: until when nobody calls them, and then one does. A
    // person who moves a message's time (`queue retry`) ends all of it.
    struct Rest {
        unsigned failures = 0;
        Instant until{};
    };
    std::map<std::string, Rest> rests_;
    std::atomic<bool> noted_{false}, moved_{false};  // since the last kick()
    bool draining_ = false;
};

}  // namespace mailhandler::run
