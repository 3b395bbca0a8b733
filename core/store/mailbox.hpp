// One mailbox (an account's maildir or a folder of it) as all IMAP sessions of this process share it: its
// list of messages with UIDs, flags and modseqs, kept up with the directory, and everything that changes
// it. Mailboxes (store/mailboxes) has one object for each that is in use.
//
// Beside other programs: deliveries and POP3 take no lock; who assigns UIDs or writes the keywords takes
// Dovecot's (store/uids, store/keywords). Names are read, messages are not. refresh() looks at
// the modification times of new/ and cur/ and lists only what changed; a message that was renamed by
// somebody else in mid-operation is looked for again and the operation goes on. A message that a
// listing did not show is believed to be gone only when nothing changed in the directory meanwhile:
// readdir(3) may miss what is renamed while it runs.
//
// All calls block on the disk and are safe from several threads; one at a time changes the mailbox.
// Faults: ENOENT where the mailbox was deleted; else as of the disk.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/delivery.hpp"
#include "store/mail_cache.hpp"
#include "store/maildir.hpp"
#include "store/message_list.hpp"

namespace mailhandler::store {

// What mailboxes work with. Outlives them.
struct MailboxMeans {
    disk::Disk& disk;
    Store& store;
    UniqueNames& names;
    const Clock& clock;
    Random& random;
    Log log;
};

// What refresh() may spend.
enum class Look {
    // The modification times decide. What somebody else did within a moment of our own last change
    // may be seen a second later.
    cheap,
    // Something is known to have happened (inotify): everything that could have changed is listed.
    thorough,
};

struct FlagChange {
    enum class How { add, remove, replace } how = How::add;
    Flags system = 0;
    std::vector<std::string> keywords;  // new ones are given a letter
    std::optional<ModSeq> unchanged_since;
};

class Mailbox {
  public:
    // `maildir`: the directory with cur/, new/ and tmp/; `account`: the maildir that it is a folder of,
    // or the same.
    Mailbox(MailboxMeans& means, std::string maildir, std::string account,
            std::uint32_t cache_version);
    ~Mailbox();

    const std::string& maildir() const { return maildir_; }

    // The list as of now. Assigns UIDs to what is new; moves nothing.
    Result<MessageListPointer> refresh(Look look = Look::cheap);
    // The same, and what lies in new/ is moved to cur/: what a session does that selected the mailbox
    // for writing. `first_recent` is as it was before, and all messages are claimed. No more than `most`
    // are moved at once, the others are left to settle(). The move is not synced: a power cut puts them
    // back into new/, where they are \Recent once more and keep their UIDs, which go by the name and are
    // synced in the list. (A file system whose rename(2) between two directories is not one step could
    // lose them; ext4, XFS, Btrfs, F2FS and ZFS are none.)
    struct Claimed {
        MessageListPointer list;
        Uid first_recent = 0;  // those from this UID on are \Recent to the caller; 0: none
        bool left = false;     // some are in new/, and nobody is in settle()
    };
    Result<Claimed> claim(Look look = Look::cheap, std::size_t most = SIZE_MAX);
    // Moves what a claim() left, a piece at a time: others get their turn between two.
    void settle();

    // Opens a message of `list`, wherever it is now. ENOENT: it has vanished.
    Result<std::unique_ptr<disk::File>> open(const MessageList& list, const ListedMessage& message);
    // When it came here: the file's modification time, as Dovecot has it.
    Result<disk::Status> status(const MessageList& list, const ListedMessage& message);

    // Changes flags, durably. Messages that have vanished are passed over. ENOSPC, permanent:
    // there is no letter left for a keyword, and nothing was changed. `modified`: those that unchanged_since kept.
    struct Stored {
        MessageListPointer list;
        std::vector<Uid> modified;
    };
    Result<Stored> store(std::span<const Uid> uids, const FlagChange& change);

    // Removes these messages, durably. `removed`: octets, for the quota.
    struct Expunged {
        MessageListPointer list;
        std::uint64_t octets = 0;
    };
    Result<Expunged> expunge(std::span<const Uid> uids);

    // Copies messages of `from` to `to` under new names (hard links where the file system has them), all
    // or none, durably; keywords by name. `move`: the originals are then removed; of two of this process that
    // move one message only the first does. Both mailboxes may be one.
    struct Copied {
        std::uint32_t uid_validity = 0;
        std::vector<Uid> from, to;  // vanished ones are missing
        std::uint64_t octets = 0;
    };
    static Result<Copied> copy(Mailbox& from, std::span<const Uid> uids, Mailbox& to, bool move);

    // Writes a message into tmp/, as Delivery::write() does. Its flags and its internal date (nothing: now)
    // are fixed here. ENOSPC as of store().
    Result<Delivery> prepare(Flags system, std::span<const std::string> keywords,
                             std::optional<WallTime> internal_date,
                             std::span<const std::string_view> parts, disk::File* spilled);
    // Makes prepared messages visible, durably, all or none; their UIDs in the same order.
    struct Appended {
        std::uint32_t uid_validity = 0;
        std::vector<Uid> uids;
        std::uint64_t octets = 0;
    };
    Result<Appended> append(std::vector<Delivery> deliveries);

    // CONDSTORE or QRESYNC is used here (RFC 7162): from now on modseqs outlive this process.
    void keep_modseqs();
    // An annotation of it was changed: that has a modseq too (RFC 7162 section 3.2).
    Result<> annotated();
    // UIDs that vanished after `since`, ascending; nothing: that is not known any more.
    std::optional<std::vector<Uid>> vanished_since(ModSeq since);

    // What was found out about its messages. Of the list's UIDVALIDITY; it stays as long as the mailbox.
    MailCache& cache();

    // For who keeps mailboxes in memory.
    std::size_t memory() const;

    struct State;  // store/mailbox_state.hpp

  private:
    struct Arrivals;
    Result<> gather(Mailbox& from, std::span<const Uid> uids, Arrivals& into);
    Result<> translate(const std::vector<std::string>& names, Arrivals& into);
    Result<std::vector<Uid>> place(Arrivals& arrivals);
    Result<MessageListPointer> find_again(int attempt);

    MailboxMeans& means_;
    const std::string maildir_;
    std::unique_ptr<State> state_;
};

}  // namespace mailhandler::store
