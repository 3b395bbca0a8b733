// The fetch schedules of a running server: what Host has for the office's end.
#pragma once

#include <functional>
#include <optional>

#include "agent/delivery.hpp"
#include "agent/fetch_files.hpp"
#include "run/local_server.hpp"
#include "run/schedule.hpp"

namespace mailhandler::run {

class Collections {
  public:
    // `room` and `loop` outlive it.
    Collections(net::Loop& loop, agent::Mailroom& room);

    // Looks at fetch/*.toml. Blocking, on one thread at a time; nothing where all is as it was.
    std::optional<agent::FetchFiles::List> look() { return files_.refresh(); }

    // From now on these accounts, and the rules of the room's snapshot. Network thread.
    void apply(agent::FetchFiles::List list);
    // The room's snapshot has changed.
    void apply();

    void drain() { schedule_.drain(); }
    void abort() { schedule_.abort(); }
    // Called once when no run is under way any more. After drain().
    void when_idle(std::function<void()> function) { schedule_.when_idle(std::move(function)); }
    // Ends the threads; once the Loop has ended.
    void stop() { pool_.stop(); }

  private:
    agent::Mailroom& room_;
    SystemRandom random_;
    agent::Storehouse house_;
    agent::FetchFiles files_;
    agent::FetchFiles::List list_;
    net::Pool pool_;
    LocalServers servers_;
    Collecting with_;
    Schedule schedule_;
};

}  // namespace mailhandler::run
