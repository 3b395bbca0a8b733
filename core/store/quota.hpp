// How full mailboxes are, remembered: RCPT asks this thousands of times a second and may not list
// 100,000 names for the answer.
//
// The network thread asks fits_now(), which only looks into memory. When due() says so, a disk-pool
// thread calls refresh(); it lists again only those directories that changed. Deliveries and
// removals of this process are added as they happen, so between two refreshes only what other
// programs did is missing. All calls are safe from several threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/maildir.hpp"

namespace mailhandler::store {

class Quotas {
  public:
    // What is remembered is looked at again after `fresh`.
    Quotas(disk::Disk& disk, const Clock& clock,
           std::chrono::seconds fresh = std::chrono::seconds(30));

    // Would `more` octets fit into `maildir` under `quota` octets (0: none)? Nothing: the mailbox
    // was never looked at. Never blocks on the disk.
    std::optional<bool> fits_now(const std::string& maildir, std::uint64_t quota,
                                 std::uint64_t more) const;

    // True when the mailbox should be looked at: never seen, or longer ago than `fresh`. Says so to
    // one caller only, who then calls refresh(); where none follows, again after `fresh`.
    bool due(const std::string& maildir);

    // What the mailbox holds, from the disk. Blocking; for a pool thread.
    Result<Usage> refresh(const std::string& maildir);

    // A message of `octets` came or went by our own hand.
    void delivered(const std::string& maildir, std::uint64_t octets);
    void removed(const std::string& maildir, std::uint64_t octets);

  private:
    // One new/ or cur/, as it was when its modification time was `modified`.
    struct Listed {
        WallTime modified{};
        std::uint64_t inode = 0;
        Usage usage;
    };
    using Directories = std::unordered_map<std::string, Listed>;
    struct Mailbox {
        Usage usage;
        std::optional<Instant> looked;  // or claimed by a caller of due()
        bool known = false;
        Directories directories;
    };

    Result<Listed> look(const std::string& directory, const Directories& before);

    disk::Disk& disk_;
    const Clock& clock_;
    const std::chrono::seconds fresh_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Mailbox> mailboxes_;
};

}  // namespace mailhandler::store
