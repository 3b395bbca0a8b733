#include "agent/maildrops.hpp"

#include <algorithm>
#include <cerrno>

namespace mailhandler::agent {

bool Maildrops::Mark::older_than(WallTime moment) const {
    if (!there || linked) return !linked;
    const WallTime last = std::max(modified, changed);
    return last + disk::tick(modified) < moment;
}

Result<Maildrops::Mark> Maildrops::mark(const std::string& path) const {
    const auto status = disk_.status(path);
    if (!status && status.error().error == ENOENT) return Mark();
    if (!status) return tl::unexpected(status.error());
    return Mark{true,
                status->kind == disk::Kind::other,
                status->inode,
                status->size,
                status->modified,
                status->changed};
}

Result<Maildrops::Marks> Maildrops::marks(const std::string& maildir, bool dovecot) const {
    Marks marks;
    const char* const names[] = {"/new", "/cur", "/dovecot-uidlist"};
    for (int part = 0; part < (dovecot ? 3 : 2); ++part) {
        const auto one = mark(maildir + names[part]);
        if (!one) return tl::unexpected(one.error());
        marks.parts[part] = *one;
    }
    return marks;
}

Result<std::shared_ptr<const FrozenMaildrop>> Maildrops::freeze(const std::string& maildir,
                                                                bool dovecot) {
    const std::string key = (dovecot ? "d" : "m") + maildir;
    const WallTime began = clock_.wall();
    const auto before = marks(maildir, dovecot);
    if (!before) return tl::unexpected(before.error());
    if (auto known = remembered(key, *before)) return known;
    auto frozen = FrozenMaildrop::make(disk_, maildir, dovecot);
    if (!frozen) return tl::unexpected(frozen.error());
    auto maildrop = std::make_shared<const FrozenMaildrop>(std::move(*frozen));
    const auto after = marks(maildir, dovecot);
    const bool settled = std::all_of(std::begin(before->parts), std::end(before->parts),
                                     [&](const Mark& each) { return each.older_than(began); });
    if (after && *after == *before && settled && maildrop->complete())
        remember({key, *before, maildrop, clock_.now()});
    return maildrop;
}

std::shared_ptr<const FrozenMaildrop> Maildrops::remembered(const std::string& key,
                                                            const Marks& now) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    if (found->second->marks != now) {
        forget(found->second);
        return nullptr;
    }
    known_.splice(known_.begin(), known_, found->second);
    known_.front().used = clock_.now();
    return known_.front().maildrop;
}

void Maildrops::remember(Remembered fresh) {
    const std::size_t memory = fresh.maildrop->memory();
    const std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(fresh.key); found != by_key_.end()) forget(found->second);
    if (memory > limits_.memory) return;
    while (memory_ + memory > limits_.memory) forget(std::prev(known_.end()));
    memory_ += memory;
    known_.push_front(std::move(fresh));
    by_key_[known_.front().key] = known_.begin();
}

void Maildrops::forget(std::list<Remembered>::iterator which) {
    memory_ -= which->maildrop->memory();
    by_key_.erase(which->key);
    known_.erase(which);
}

void Maildrops::tidy() {
    const std::lock_guard lock(mutex_);
    while (!known_.empty() && clock_.now() - known_.back().used > limits_.idle)
        forget(std::prev(known_.end()));
}

std::size_t Maildrops::memory() const {
    const std::lock_guard lock(mutex_);
    return memory_;
}

}  // namespace mailhandler::agent
