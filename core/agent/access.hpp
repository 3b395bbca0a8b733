// The mail access agent of POP3: one maildir as one session's maildrop. It answers what
// pop3::ServerSession asks of its owner about messages; who may log in, and which maildir is
// theirs, is decided elsewhere. Blocking: for a pool thread, one call at a time.
//
// - Exclusive: flock(2) on MAILDIR/pop3.lock, so that a second session hears [IN-USE]. A crash
//   leaves nothing locked. IMAP and delivery do not take this lock: what they change is seen at the
//   next login, and a message they renamed (a flag set, new/ to cur/) is found again by its base
//   name.
// - The list is frozen from names alone: ,W= is the size on the wire. A file without it, written by
//   another program, is looked into once.
// - A UIDL is the base name up to the first comma; one that RFC 1939 does not allow is replaced by
//   64 hexadecimal digits of it, the same at every login. In a maildir that Dovecot served before,
//   where its UIDLs are to be kept ([pop3] uidl = "dovecot"), those of its list come first.
// - Messages stay where they are: reading one moves nothing and sets no flag.
// - Removal is durable when it is answered: every unlink, then one sync of each directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "disk/interface.hpp"
#include "pop3/server_session.hpp"
#include "store/maildir.hpp"

namespace mailhandler::agent {

class MaildropAccess {
  public:
    explicit MaildropAccess(disk::Disk& disk) : disk_(disk) {}

    // Locks `maildir`, making it when it is missing, and freezes its list. [IN-USE] where another
    // session has it; [SYS/TEMP] or [SYS/PERM] with the disk's words. `dovecot`: UIDLs that
    // MAILDIR/dovecot-uidlist has are kept; without that file, or where it is malformed, all are ours.
    pop3::Opened open(const std::string& maildir, bool dovecot = false);
    pop3::Contents load(const pop3::Load& load);
    // Octets of what was removed, as stored, are added to freed().
    pop3::Removed remove(const pop3::Remove& remove);
    // Gives the messages that stay UIDs in MAILDIR/dovecot-uidlist, each with its UIDL beside it:
    // whoever puts a Dovecot over the tree then serves the same UIDLs. Where nothing came or went
    // since the list was written that costs three lstat(2). Errors: of the disk; nothing depends on it.
    Result<> list_uids(const Clock& clock, Random& random, const Log& log);
    // Lets go of the lock and the list. Does not block.
    void close();

    std::uint64_t freed() const { return freed_; }  // octets, since open(): for the quota

  private:
    struct Whereabouts {
        bool in_new = false;
        std::string file;
    };
    Whereabouts where(std::size_t index) const;
    std::string path(std::size_t index) const;
    std::string_view file(std::size_t index) const;
    Result<> freeze(bool dovecot);
    pop3::Content content(const pop3::Wanted& wanted);
    Result<std::shared_ptr<wire::Body>> open_body(std::size_t index);
    Result<> unlink(std::size_t index);
    // Finds out where messages are now, after one was not where it had been. False: it is gone.
    bool find_again(std::size_t index);

    disk::Disk& disk_;
    std::string maildir_;
    std::unique_ptr<disk::Lock> lock_;
    std::shared_ptr<const pop3::Maildrop> maildrop_;
    std::string files_;                 // names, one behind the other
    std::vector<std::uint64_t> begins_;  // of each; one more at the end
    std::vector<bool> in_new_;
    std::vector<store::MessageName> moved_;  // as of the last find_again(), by base name
    bool looked_ = false;                    // … in this question
    std::vector<bool> removed_;              // by us
    std::uint64_t freed_ = 0;
};

}  // namespace mailhandler::agent
