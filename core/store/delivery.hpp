// Delivery that is durable before it is acknowledged: the one place where mail becomes visible.
//
//     write tmp/NAME … sync file     for every copy, on a bounded pool
//     rename tmp/NAME → new/NAME     for every copy, once all files are synced
//     sync new/                      each directory once
//
// A message for the outbound queue is one of the deliveries of a commit as well (Spool::prepare): two
// files, of which the one that counts is renamed; so a copy that is forwarded and a copy that stays
// here both happen or are both tried again.
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

    // Writes two files that count as one: the content, at once under its own name, and `label`, whose
    // appearance as `visible` makes it count. Both are synced before that. The directory exists. An
    // EEXIST of the content's name is told as such.
    struct Pair {
        std::string directory;
        std::string content;          // names in `directory`
        std::string hidden, visible;  // of the label, before and afterwards
    };
    static Result<Delivery> write_pair(disk::Disk& disk, const Pair& names,
                                       std::span<const std::string_view> parts,
                                       disk::File* spilled, std::string_view after,
                                       std::string_view label);

    const std::string& path() const;     // where it will be visible
    const std::string& maildir() const;  // for Quotas::delivered(); empty for a pair
    std::uint64_t size() const;          // octets of the message

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

    // All or none, durable on success. Pairs appear last: who acts on a queue entry at once does not
    // do so for a commit whose copies then fail. Blocking; safe from several threads, whose commits into one
    // directory share its syncs. Every fault is temporary: the message may be sent again.
    Result<> commit(std::vector<Delivery> deliveries);

  private:
    disk::Disk& disk_;
    std::unique_ptr<DirectorySyncs> syncs_;
};

}  // namespace mailhandler::store
