#include "run/queue.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

namespace mailhandler::run {

Queue::Queue(net::Loop& loop, agent::Mailroom& room, net::Pool& disk, store::Spool& spool,
             agent::Bounces& bounces)
    : loop_(loop),
      room_(room),
      disk_(disk),
      spool_(spool),
      reporting_(room.disk, room.layout, spool, bounces, room.clock,
                 [this](const std::string& id) { queued(id); }, room.log),
      dispatch_{spool, timetable_, room.clock, random_,
                [&room](watch::Event event) { room.recorder.record(std::move(event)); },
                [this](const agent::Trouble& trouble) { return reporting_.failed(trouble); },
                [this](const agent::Trouble& trouble) { reporting_.tell(trouble); }, room.log},
      outbound_(loop, room, disk, dispatch_),
      timer_(loop.context()) {}

Queue::~Queue() = default;

Result<> Queue::open() {
    if (auto made = disk::make_directories(room_.disk, room_.layout.queue_dir()); !made)
        return made;
    auto watch = net::WatchFiles::open(
        loop_, {room_.layout.queue_dir()},
        [this](const std::vector<std::string>& paths) { notice(paths); },
        net::WatchFiles::For::arrivals);
    if (!watch) return tl::unexpected(watch.error());
    watch_ = std::move(*watch);
    apply();
    disk_.post([this] {
        const auto swept = spool_.sweep();
        if (!swept) room_.log.error(swept.error().text());
        load_all();
    });
    return {};
}

void Queue::apply() {
    timetable_.single_lane(!room_.snapshot.server->outbound.smarthost.empty());
    outbound_.forget_secret();
    rests_.clear();
    kick();
}

// --- what is there ------------------------------------------------------------------------

void Queue::load_all() {
    std::vector<Fault> damaged;
    const auto all = spool_.list(&damaged);
    for (const Fault& fault : damaged) room_.log.error(fault.text());
    if (!all) return room_.log.error(all.error().text());
    bool moved = false;
    for (const auto& due : *all)
        moved |= timetable_.note(due.id, due.next_attempt, due.destination);
    noted(moved);
}

// Any thread. What comes while the network thread is busy is dealt with at once.
void Queue::noted(bool moved) {
    if (moved) moved_ = true;
    if (noted_.exchange(true)) return;
    loop_.post([this] {
        noted_ = false;
        if (moved_.exchange(false)) rests_.clear();
        kick();
    });
}

void Queue::queued(const std::string& id) {
    const auto due = spool_.due(id);
    if (due) return noted(timetable_.note(id, due->next_attempt, due->destination));
    if (due.error().error == ENOENT)
        timetable_.forget(id);
    else
        room_.log.error(due.error().text());
}

// "…/queue/<id>,<next>,<destination>.msg"; the directory itself: the kernel lost count.
void Queue::notice(const std::vector<std::string>& paths) {
    if (draining_) return;
    std::vector<std::string> names;
    bool all = false;
    for (const std::string& path : paths) {
        std::string name = disk::file_name(path);
        if (path == room_.layout.queue_dir()) all = true;
        if (spool_.is_news(name)) names.push_back(std::move(name));  // most is our own doing
    }
    if (!all && names.empty()) return;
    disk_.post([this, all, names = std::move(names)] {
        if (all) return load_all();
        // What somebody removed is missed when its turn comes.
        bool moved = false;
        for (const std::string& name : names)
            if (const auto due = spool_.seen(name))
                moved |= timetable_.note(due->id, due->next_attempt, due->destination);
        noted(moved);
    });
}

// --- when ---------------------------------------------------------------------------------

// Everything that is due gets the connections that it may have.
void Queue::kick() {
    if (draining_) return;
    const WallTime now = room_.clock.wall();
    const Instant instant = room_.clock.now();
    const auto next = timetable_.advance(now);
    // Not for long at a time: the wall clock may be set meanwhile.
    std::chrono::nanoseconds pause = std::chrono::minutes(1);
    if (next) pause = std::min<std::chrono::nanoseconds>(pause, *next - now);
    std::erase_if(rests_, [&](const auto& each) { return each.second.until + longest_rest < instant; });
    for (const auto& [lane, rest] : rests_)
        if (rest.until > instant)
            pause = std::min<std::chrono::nanoseconds>(pause, rest.until - instant);
    if (next || !rests_.empty()) {
        timer_.expires_after(pause + std::chrono::milliseconds(1));
        timer_.async_wait([this](boost::system::error_code error) {
            if (!error) kick();
        });
    }
    if (connections_ >= in_all) return;
    for (const auto& [lane, due] : timetable_.lanes()) {
        const auto rest = rests_.find(lane);
        if (rest != rests_.end() && rest->second.until > instant) continue;
        std::size_t limit = std::min(lane.empty() ? to_smarthost : per_lane,
                                     1 + due / messages_per_connection);
        if (rest != rests_.end()) limit = 1;  // to see whether it is there again
        while (connections_ < in_all && serving_[lane] < limit) {
            ++serving_[lane];
            ++connections_;
            loop_.spawn(serve(lane), room_.log, "queue");
        }
    }
}

net::Task<> Queue::serve(std::string lane) {
    try {
        co_await serve_lane(lane);
    } catch (const std::exception& error) {
        room_.log.error(fmt::format("queue: a bug of ours: {}", error.what()));
    }
    --connections_;
    if (--serving_[lane] == 0) serving_.erase(lane);
    kick();
}

net::Task<> Queue::serve_lane(std::string lane) {
    const std::shared_ptr<const config::Server> server = room_.snapshot.server;
    Outbound::Ending ending = co_await outbound_.serve(lane, *server);
    if (ending.served) rests_.erase(lane);
    if (ending.served || ending.reply.code == 0) co_return;
    room_.log.info(
        fmt::format("queue: {}: {}", lane.empty() ? "smarthost" : lane, ending.reply.text));
    if (ending.reply.code < 500) rest(lane);
    co_await outbound_.refuse(lane, ending.host, std::move(ending.reply), *server);
}

void Queue::rest(const std::string& lane) {
    Rest& rest = rests_[lane];
    const Instant now = room_.clock.now();
    if (rest.until > now) return;  // another line found out the same
    const auto pause = first_rest * (1u << std::min(rest.failures++, 9u));
    rest.until = now + std::min<std::chrono::seconds>(pause, longest_rest);
}

void Queue::drain() {
    draining_ = true;
    timer_.cancel();
    timetable_.stop();
    outbound_.drain();
}

}  // namespace mailhandler::run
