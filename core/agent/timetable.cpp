#include "agent/timetable.hpp"

#include <utility>

#include "store/spool.hpp"

namespace mailhandler::agent {

const std::string& Timetable::lane_of(const Entry& entry) const {
    return single_ && !store::is_server(entry.destination) ? one_ : entry.destination;
}

void Timetable::wait(Entries::value_type& at, WallTime when) {
    unwait(at);
    at.second.when = when;
    at.second.state = State::waiting;
    waiting_.emplace(when, &at.first);
}

void Timetable::unwait(Entries::value_type& at) {
    if (at.second.state == State::waiting) waiting_.erase({at.second.when, &at.first});
}

bool Timetable::note(const std::string& id, WallTime when, const std::string& destination) {
    const std::lock_guard lock(mutex_);
    const auto [at, added] = entries_.try_emplace(id);
    Entry& entry = at->second;
    if (entry.state == State::working) return false;
    if (!added && entry.when == when && entry.destination == destination) return false;
    unwait(*at);
    entry.destination = destination;
    if (entry.rest) entry.rest->tried.clear();  // a new round
    entry.state = State::due;                   // stands in no set of waiting_
    wait(*at, when);
    return !added;
}

void Timetable::forget(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto at = entries_.find(id);
    if (at == entries_.end() || at->second.state == State::working) return;
    unwait(*at);
    entries_.erase(at);
}

void Timetable::single_lane(bool single) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(single_, single) == single) return;
    lanes_.clear();
    for (auto& at : entries_)
        if (at.second.state == State::due) wait(at, at.second.when);
}

std::optional<WallTime> Timetable::advance(WallTime now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        const std::string& id = *waiting_.begin()->second;
        waiting_.erase(waiting_.begin());
        Entry& entry = entries_.find(id)->second;
        entry.state = State::due;
        lanes_[lane_of(entry)].push_back(id);
    }
    if (waiting_.empty()) return {};
    return waiting_.begin()->first;
}

std::vector<std::pair<std::string, std::size_t>> Timetable::lanes() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, std::size_t>> all;
    for (const auto& [lane, ids] : lanes_) all.emplace_back(lane, ids.size());
    return all;
}

std::optional<Job> Timetable::take(const std::string& lane) {
    const std::lock_guard lock(mutex_);
    const auto at = lanes_.find(lane);
    if (stopped_ || at == lanes_.end()) return {};
    while (!at->second.empty()) {
        const std::string id = std::move(at->second.front());
        at->second.pop_front();
        const auto found = entries_.find(id);
        if (found == entries_.end() || found->second.state != State::due ||
            lane_of(found->second) != lane)
            continue;
        Entry& entry = found->second;
        entry.state = State::working;
        Job job{id, entry.destination, {}, {}};
        if (entry.rest) {
            job.tried = std::move(entry.rest->tried);
            job.settled = std::move(entry.rest->settled);
            entry.rest.reset();
        }
        if (at->second.empty()) lanes_.erase(at);
        return job;
    }
    lanes_.erase(at);
    return {};
}

void Timetable::done(const Job& job) {
    const std::lock_guard lock(mutex_);
    const auto at = entries_.find(job.id);
    if (at != entries_.end() && at->second.state == State::working) entries_.erase(at);
}

void Timetable::again(Job job, WallTime when) {
    const std::lock_guard lock(mutex_);
    const auto at = entries_.find(job.id);
    if (at == entries_.end()) return;
    at->second.destination = std::move(job.destination);
    if (!job.tried.empty() || !job.settled.empty())
        at->second.rest = std::make_unique<Rest>(Rest{std::move(job.tried), std::move(job.settled)});
    if (when > now_) return wait(*at, when);
    // Its round goes on: whoever serves the lane now may take it.
    at->second.when = when;
    at->second.state = State::due;
    lanes_[lane_of(at->second)].push_back(at->first);
}

void Timetable::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
}

std::size_t Timetable::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace mailhandler::agent
