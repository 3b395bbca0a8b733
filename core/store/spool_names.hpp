// Which messages the queue holds, when each is due and where it goes: all of it stands in the names of
// their files. For the spool alone.
//
// Names are remembered as they were last seen. Another process may have changed them since, so each is
// proved by the call that uses it, and the directory is read again where it has gone. Safe from
// several threads.
#pragma once

#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"
#include "store/spool_envelope.hpp"

namespace mailhandler::store {

// "Nothing of this id is in the queue": permanent, ENOENT.
Fault not_queued(const std::string& id);

class SpoolNames {
  public:
    // What a message's name says beside the id.
    struct Schedule {
        std::int64_t next = 0;    // seconds since 1970
        std::string destination;  // encoded, as in the name
        bool operator==(const Schedule&) const = default;
    };
    // While it lives no message's time changes, here or in another process.
    struct Kept {
        std::unique_lock<std::mutex> here;
        std::unique_ptr<disk::Lock> everywhere;
    };

    SpoolNames(disk::Disk& disk, const Layout& layout);

    const std::string& directory() const { return directory_; }
    std::string path(const std::string& name) const { return directory_ + '/' + name; }
    std::string path_of(const std::string& id, const Schedule& schedule) const;

    // Who calls has given it this name, or was told of it.
    void remember(const std::string& id, Schedule schedule);
    void forget(const std::string& id);
    std::optional<Schedule> last_seen(const std::string& id) const;
    // It was remembered so: not only read, for nobody is told of what is read in passing.
    bool remembers(const std::string& id, const Schedule& schedule) const;

    // For who changes a time; a lock file is made when missing.
    Result<Kept> keep();
    // For who only looks, as far as it can be had: looking makes nothing, and works on a disk that
    // cannot be written to.
    Kept keep_if_possible();
    // What the directory holds; exact but for what comes and goes meanwhile, while the names are kept.
    Result<disk::Names> read();

    // Does `act` with what the id's name says, at most twice. It answers ENOENT when the name is not
    // there: then the directory is read, with the names kept: as `kept` by who calls, or for that time.
    template <class Act>
    auto with_name(const std::string& id, const Act& act, const Kept* kept = nullptr)
        -> decltype(act(std::declval<const Schedule&>())) {
        if (const auto schedule = last_seen(id)) {
            auto done = act(*schedule);
            if (done || done.error().error != ENOENT) return done;
        }
        const Kept looking = kept ? Kept() : keep_if_possible();
        if (auto entries = read(); !entries) return tl::unexpected(entries.error());
        const auto schedule = last_seen(id);
        if (!schedule) return tl::unexpected(not_queued(id));
        auto done = act(*schedule);
        if (!done && done.error().error == ENOENT) return tl::unexpected(not_queued(id));
        return done;
    }

  private:
    struct Known {
        Schedule schedule;
        bool remembered = false;
    };

    disk::Disk& disk_;
    const std::string directory_, state_;
    std::mutex naming_;  // this process's half of the lock
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Known> known_;
};

}  // namespace mailhandler::store
