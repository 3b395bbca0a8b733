// The mail access agent of POP3: one maildir as one session's maildrop. It answers what
// pop3::ServerSession asks of its owner about messages; who may log in, and which maildir is
// theirs, is decided elsewhere. Blocking: for a pool thread, one call at a time.
//
// - Exclusive: flock(2) on MAILDIR/pop3.lock, so that a second session hears [IN-USE]. A crash
//   leaves nothing locked. IMAP and delivery do not take this lock: what they change is seen at the
//   next login, and a message they renamed (a flag set, new/ to cur/) is found again by its base
//   name.
// - Sizes and UIDLs are those of agent/frozen_maildrop; agent/maildrops remembers it between logins.
// - Messages stay where they are: reading one moves nothing and sets no flag.
// - Removal is durable when it is answered: every unlink, then one sync of each directory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/maildrops.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "disk/interface.hpp"
#include "pop3/server_session.hpp"
#include "store/maildir_listing.hpp"

namespace mailhandler::store {
class Uids;
}

namespace mailhandler::agent {

class MaildropAccess {
  public:
    MaildropAccess(disk::Disk& disk, Maildrops& maildrops) : disk_(disk), maildrops_(maildrops) {}

    // Locks `maildir`, making it when it is missing, and freezes its list. [IN-USE] where another
    // session has it; [SYS/TEMP] or [SYS/PERM] with the disk's words. `dovecot`: UIDLs that
    // MAILDIR/dovecot-uidlist has are kept.
    pop3::Opened open(const std::string& maildir, bool dovecot = false);
    pop3::Contents load(const pop3::Load& load);
    // Octets of what was removed, as stored, are added to freed().
    pop3::Removed remove(const pop3::Remove& remove);
    // Gives the messages that stay UIDs in MAILDIR/dovecot-uidlist, each with its UIDL beside it:
    // whoever puts a Dovecot over the tree then serves the same UIDLs. What has gone is dropped when
    // it is much. Where nothing came or went since the list was written that costs three lstat(2).
    // Errors: of the disk; nothing depends on it.
    Result<> list_uids(const Clock& clock, Random& random, const Log& log);
    // Lets go of the lock and the list. Does not block.
    void close();

    std::uint64_t freed() const { return freed_; }  // octets, since open(): for the quota

  private:
    std::string path(std::size_t index) const;
    // As it was frozen, or where find_again() has seen it since.
    const store::MaildirListing::Message& message(std::size_t index) const;
    pop3::Content content(const pop3::Wanted& wanted);
    Result<std::shared_ptr<wire::Body>> open_body(std::size_t index);
    Result<> unlink(std::size_t index);
    // Finds out where messages are now, after one was not where it had been. False: it is gone.
    bool find_again(std::size_t index);
    Result<> drop_vanished(store::Uids& uids, std::span<const std::string_view> staying);

    disk::Disk& disk_;
    Maildrops& maildrops_;
    std::string maildir_;
    std::unique_ptr<disk::Lock> lock_;
    std::shared_ptr<const FrozenMaildrop> maildrop_;
    std::optional<store::MaildirListing> moved_;  // as of the last find_again()
    bool looked_ = false;                         // … in this question
    std::vector<bool> removed_;                   // by us; empty: none
    std::uint64_t freed_ = 0;
};

}  // namespace mailhandler::agent
