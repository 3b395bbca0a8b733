#include "run/collections.hpp"

namespace mailhandler::run {

Collections::Collections(net::Loop& loop, agent::Mailroom& room)
    : room_(room),
      house_{room.disk, room.layout, room.clock, room.names, room.quotas,
             [&room](watch::Event event) { room.recorder.record(std::move(event)); }, room.log},
      files_(room.disk, room.layout.root(), room.log),
      pool_("fetch", 2 * Schedule::at_a_time),
      with_{loop, pool_, house_, random_},
      schedule_(with_, random_, {}) {}

void Collections::apply(agent::FetchFiles::List list) {
    list_ = std::move(list);
    apply();
}

void Collections::apply() {
    schedule_.apply({list_, room_.snapshot.directory, room_.snapshot.server->held.size});
}

}  // namespace mailhandler::run
