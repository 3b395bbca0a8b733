// Releasing held mail: it is sorted again by today's files, delivered (or put into the queue: what goes
// on, and what another local server takes) durably, and only then no longer held. What still cannot be
// placed stays; nobody is told by it.
//
// The copy comes first and the removal after it, each durable: a crash between the two leaves a
// message that is delivered and still held, never one that is neither. Blocking, for a pool thread
// or a command; take Held::lock() first.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/sorting.hpp"
#include "store/delivery.hpp"
#include "store/held.hpp"
#include "store/spool.hpp"
#include "store/quota.hpp"

namespace mailhandler::agent {

struct Released {
    bool done = false;        // it is held no more under this id
    std::vector<Fate> fates;  // of today
    std::string why;          // where not done
    bool held_again = false;  // some of its ends are held, under ids of their own
};

class Release {
  public:
    struct World {
        disk::Disk& disk;
        const store::Layout& layout;
        const route::Directory& directory;
        Date today;
        const Clock& clock;
        store::UniqueNames& names;
        // Today's settings of fetch/<name>.toml; nothing where there is no such file any more: then
        // the usual ones serve.
        std::function<std::optional<config::Fetch>(const std::string& name)> fetch;
        // For what goes on to another host, or to a local server. Null: it stays held.
        store::Spool* spool = nullptr;
        const mail::Srs* srs = nullptr;
        std::string hostname = {};  // ours
    };
    explicit Release(World world);

    // Releases one; with `to`, as if it had been addressed there. A message held for one recipient
    // goes to that one only; one held for its header is sorted as a whole, without the recipients
    // that were dealt with when it came. Errors: ENOENT where it is not held; of the disk.
    Result<Released> release(store::Held& held, const std::string& id,
                             const std::optional<mail::Address>& to);

  private:
    Result<bool> takes(const route::ToMailbox& to, std::uint64_t octets);
    config::Fetch settings(const store::HeldNote& note) const;
    Result<Sorted> sort(const Sorter& sorter, const config::Fetch& fetch, const Arrived& message,
                        const store::HeldNote& note, const std::optional<mail::Address>& to) const;
    Result<> hand_over(const Sorted& sorted);
    Result<> deliver(store::Held& held, const std::vector<store::Copy>& copies);

    World world_;
    store::Store store_;
    store::Quotas quotas_;
    std::optional<Outgoing> outgoing_;
    std::vector<store::Delivery> leaving_;  // of the message at hand
};

}  // namespace mailhandler::agent
