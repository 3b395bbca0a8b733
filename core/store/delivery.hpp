// Delivery that is durable before it is acknowledged: the one place where mail becomes visible.
//
//     write tmp/NAME … sync file     for every copy, on a bounded pool
//     rename tmp/NAME → new/NAME     for every copy, once all files are synced
//     sync new/                      each directory once
//
// A message for the outbound queue is one of the deliveries of a commit as well (Spool::prepare): so a
// copy that is forwarded and a copy that stays here both happen or are both tried again.
//
// An error before the last rename undoes what was renamed: all copies become visible or none. After
// a crash between two renames some copies stay: the sender, who got no 250, sends again, and those
// recipients see the message twice. That is the one duplicate that remains possible, and it is the
// safe side of it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/maildir.hpp"

namespace mailhandler::store {

class DirectorySyncs;

// One copy on its way into a maildir, or a message on its way into the queue. Move-only; destroyed before commit() = nothing happened.
class Delivery {
  public:
    Delivery(Delivery&&) noexcept;
    Delivery& operator=(Delivery&&) noexcept;
    ~Delivery();

    // A message that an IMAP client brings: it goes into cur/, with the letters of its flags and, where
    // one is given, the time it came here.
    struct Placing {
        std::string letters;
        std::optional<WallTime> modified;
    };

    // Writes MAILDIR/tmp/<name>: `parts` in order, then `spilled` whole where there is one, then
    // `after`. Makes the maildir when it is missing. Not yet synced. `disk` outlives the Delivery.
    static Result<Delivery> write(disk::Disk& disk, const std::string& maildir,
                                  const std::string& base_name,
                                  std::span<const std::string_view> parts, disk::File* spilled,
                                  std::string_view after, const Placing* placing = nullptr);

    // Writes a file into a directory that exists, under one name, to appear there under another. `over`:
    // it is there, has served before, and is written over from its start (disk::Disk::overwrite).
    // Otherwise an EEXIST of the first name is told as such.
    struct Place {
        std::string directory;
        std::string hidden, visible;  // names in `directory`
        bool over = false;
    };
    static Result<Delivery> write_into(disk::Disk& disk, const Place& place,
                                       std::span<const std::string_view> parts,
                                       disk::File* spilled, std::string_view after);

    const std::string& path() const;     // where it will be visible
    const std::string& maildir() const;  // for Quotas::delivered(); empty where it is none
    std::uint64_t size() const;          // octets that were written

  private:
    friend class Store;
    struct State;
    explicit Delivery(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

class Store {
  public:
    explicit Store(disk::Disk& disk);
    ~Store();

    // All or none, durable on success. What is in no maildir appears last: who acts on a queue entry
    // at once does not do so for a commit whose copies then fail. Blocking; safe from several threads,
    // whose commits into one directory share its syncs. Every fault is temporary: the message may be
    // sent again.
    Result<> commit(std::vector<Delivery> deliveries);
    // A sync of `directory` that began after this call has ended: shared with commits into it.
    Result<> sync(const std::string& directory);

  private:
    disk::Disk& disk_;
    std::unique_ptr<DirectorySyncs> syncs_;
};

}  // namespace mailhandler::store
