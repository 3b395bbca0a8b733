#include "run/collections.hpp"

namespace mailhandler::run {

Collections::Collections(net::Loop& loop, agent::Mailroom& room)
    : room_(room),
      house_{room.disk,
             room.layout,
             room.clock,
             room.names,
             room.quotas,
             [&room](watch::Event event) { room.recorder.record(std::move(event)); },
             room.log,
             [this](const std::string& server, agent::Handover& owner) {
                 return servers_.call(server, owner);
             }},
      files_(room.disk, room.layout.root(), room.log),
      pool_("fetch", 2 * Schedule::at_a_time),
      servers_(loop, pool_, room.clock, room.log,
               [&room] { return room.snapshot.server->hostname; }),
      with_{loop, pool_, house_, random_},
      schedule_(with_, random_, {}) {}

void Collections::apply(agent::FetchFiles::List list) {
    list_ = std::move(list);
    apply();
}

void Collections::apply() {
    house_.outgoing = room_.outgoing;
    const config::Server& server = *room_.snapshot.server;
    schedule_.apply({list_, room_.snapshot.directory, server.held.size, server.hostname});
}

}  // namespace mailhandler::run
