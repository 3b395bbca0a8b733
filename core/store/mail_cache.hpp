// What was found out about the messages of one mailbox (rendered envelope, body structure, size,
// internal date, …), so that it is not found out again: MAILDIR/mailhandler-cache.
//
//     header   magic, version of its contents, UIDVALIDITY
//     record   UID, kind, length, checksum, value       … appended, never changed
//
// It can be deleted at any time: then it is found out again. A record whose checksum is wrong, and
// everything behind a torn one, counts as not there; a file with another magic, version or UIDVALIDITY
// is begun anew. Nothing is synced. What the values mean is their user's (agent/imap_contents), who gives
// a new version when that changes.
//
// One object serves all sessions of a mailbox (Mailbox::cache()): safe from several threads, blocking.
// It holds 16 octets for each record in memory, not the values, and reads them in large pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "disk/interface.hpp"
#include "store/message_list.hpp"

namespace mailhandler::store {

class MailCache {
  public:
    // Opens nothing yet: the file is read at the first find() or add().
    MailCache(disk::Disk& disk, Log log, std::string maildir, std::uint32_t uid_validity,
              std::uint32_t version);
    ~MailCache();

    // The value that was added last for this message and kind (0–255).
    std::optional<std::string> find(Uid uid, std::uint8_t kind);
    // Kept in memory until flush() or until some 256 KiB have come together; a fault is told to the
    // log once and what could not be written is forgotten. At most 1 MiB: larger values are not kept.
    void add(Uid uid, std::uint8_t kind, std::string_view value);
    // Writes what was added. To be called at the end of a question that added.
    void flush();

    // Begins the file anew without messages that are no longer in `living`, when those fill more than
    // half of it. Called by the mailbox.
    void compact(const MessageList& living);

  private:
    struct Place {
        Uid uid = 0;
        std::uint32_t length : 24 = 0;
        std::uint32_t kind : 8 = 0;
        std::uint64_t at = 0;  // of its record in the file, or behind it in pending_
        bool operator<(const Place& other) const;
    };

    void open();
    void begin_anew(std::string_view header);
    void cut(std::uint64_t size);
    void put_in_order();
    void note(const Place& place);
    void merge_added();
    bool read(std::uint64_t at, char* into, std::size_t size);
    std::optional<std::string> value(const Place& place);
    void write_pending();
    void rewrite(const std::vector<Place>& kept);
    void complain(const Fault& fault);

    disk::Disk& disk_;
    Log log_;
    const std::string path_;
    const std::uint32_t uid_validity_, version_;
    std::mutex mutex_;
    bool opened_ = false, complained_ = false;
    std::unique_ptr<disk::File> file_;  // null where the disk would not have it
    std::uint64_t size_ = 0;            // of the file
    std::vector<Place> places_, added_;  // by UID and kind; added_ are the latest few
    std::string pending_;               // records not yet written
    std::string window_;                // what was read last …
    std::uint64_t window_at_ = 0;       // … and where it begins
};

}  // namespace mailhandler::store
