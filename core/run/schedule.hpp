// Collecting again and again: each account every so often, several at a time; with every = "idle"
// the moment something arrives, on a connection that stays. For `serve` and for `fetch --watch`.
//
// After a failure an account waits longer each time, up to an hour, each time a little different,
// so that a hundred offices do not return to a recovered host at one moment. One that waits for
// mail begins with a second, and waits five minutes at most, unless its login or its file is at
// fault.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "run/collect.hpp"

namespace mailhandler::run {

// What is in force: which accounts there are, and the rules that sort their mail.
struct Orders {
    std::vector<std::shared_ptr<const config::Fetch>> fetches;
    route::Directory directory;
    std::uint64_t held_size = 0;
    std::string hostname;  // ours
};

// Network thread only. Destroyed after the Loop has ended or before it runs.
class Schedule {
  public:
    static constexpr std::size_t at_a_time = 8;

    struct Options {
        bool all = false;  // accounts without `every` too (--watch): every five minutes
        std::function<void(const Gain&)> done = {};  // after each run
    };
    Schedule(Collecting& with, Random& random, Options options);
    ~Schedule();

    // From now on these. An account that is new is collected at once; one that is gone finishes
    // what is under way; a run under way keeps the orders it began with.
    void apply(Orders orders);

    // Begins nothing more; runs under way end soon.
    void drain();
    void abort();  // … now
    bool idle() const { return running_ == 0; }
    // Called once nothing is under way (at once where nothing is). After drain().
    void when_idle(std::function<void()> function);

  private:
    struct Account;
    net::Task<> keep(std::shared_ptr<Account> account);
    net::Task<bool> wait(Account& account, std::chrono::milliseconds time);
    agent::Errand errand_of(const Account& account) const;
    Standing standing_of(Account& account);
    std::chrono::milliseconds pause_after(Account& account, const Gain& gain);
    void tell(const Gain& gain) const;
    void ended();

    Collecting& with_;
    Random& random_;
    const Options options_;
    Orders orders_;
    std::map<std::string, std::shared_ptr<Account>> accounts_;
    std::size_t running_ = 0;    // coroutines
    std::size_t under_way_ = 0;  // runs
    bool draining_ = false;
    std::function<void()> when_idle_;
};

}  // namespace mailhandler::run
