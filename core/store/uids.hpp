// The UIDs of one mailbox: MAILDIR/dovecot-uidlist, read and written as Dovecot does it, so that
// either can be put over the other's tree and no client downloads anything twice.
//
// - UIDs are assigned by readers under Dotlock "dovecot-uidlist.lock", never by delivery.
// - What is new is appended and synced before anybody hears of it. Everything else (a new list, entries
//   dropped, a torn end) is a new file renamed over the old: a crash leaves one or the other.
// - Each entry that we add records our POP3 UIDL: P<base name>. Of entries that are there everything is
//   kept, understood or not.
// - A list that is missing or corrupt gets a new UIDVALIDITY, greater than all that this account ever had
//   (store/uid_validity); the log says so. A single line that cannot be read costs its own message its
//   UID.
//
// Used under its mailbox's own mutex: not safe from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/dotlock.hpp"
#include "store/message_list.hpp"
#include "store/uid_index.hpp"
#include "store/uid_validity.hpp"

namespace mailhandler::store {

class Uids {
  public:
    Uids(disk::Disk& disk, const Clock& clock, Random& random, Log log, std::string maildir,
         std::string account);

    // Reads what the file has since the last call; when nothing changed, one lstat(2). A list that is
    // missing or corrupt is an empty one with validity() 0, until lock() makes a new one.
    Result<> refresh();

    std::uint32_t validity() const { return validity_; }
    Uid next() const { return next_; }
    // 0: not listed.
    Uid find(std::string_view base) const { return index_.find(base); }
    std::size_t count() const { return index_.count(); }  // those of vanished messages included
    // Another number whenever the list was read whole: others may have changed more than its end.
    std::uint64_t revision() const { return revision_; }

    // Takes the lock and reads what others did before. Where there is no list, or a corrupt one, it
    // is given a validity(), and made by the first assign().
    Result<Dotlock> lock();
    // It was not made yet: nobody may hear of its validity() before assign(), be it for no files.
    bool to_be_made() const { return made_of_.record != nullptr; }

    // With the lock held: UIDs for these files (with or without flags), in this order, ascending. Each
    // that is listed already keeps its UID, unless that is below `at_least`: then it gets a new one.
    Result<std::vector<Uid>> assign(std::span<const std::string_view> files, Uid at_least = 0);

    // With the lock held: forgets entries below `below` that `living` does not know.
    Result<> drop(Uid below, const std::function<bool(Uid)>& living);

  private:
    static constexpr std::uint64_t largest_list = 1ull << 30;
    // Beyond it a list is given up for a new one (RFC 3501 section 2.3.1.1 has 32 bits).
    static constexpr Uid last_uid = std::numeric_limits<Uid>::max() - 1'000'000;

    void clear();
    void corrupt(std::string_view why);
    Result<> read_all();
    Result<bool> read_tail(std::uint64_t size);
    bool take(std::string_view text, std::uint64_t begin);

    struct Added;
    void enter(const Added& added);
    Result<> plan();
    Result<> make(const Added& added);
    Result<> rewrite(const std::function<bool(Uid)>& keep, const Added& added);
    Result<> append(const Added& added);
    Result<> remember();

    disk::Disk& disk_;
    const Clock& clock_;
    Random& random_;
    Log log_;
    const std::string path_, account_;

    bool known_ = false;   // the file was looked at, and …
    disk::Status status_;  // … was this then
    std::uint32_t validity_ = 0, once_ = 0;  // once_: of a corrupt list
    Uid next_ = 1, last_ = 0;                // last_: of the file's last entry
    std::uint64_t end_ = 0;                  // of what was understood; less than the size: a torn line
    std::string first_line_, last_line_;     // to recognise the file by
    UidIndex index_;
    std::uint64_t revision_ = 0;
    UidValidity made_of_;  // of a list that is to be made
};

}  // namespace mailhandler::store
