// What CONDSTORE and QRESYNC (RFC 7162) need of a mailbox beyond one process's life:
// MAILDIR/mailhandler-modseq, with the flags and the modseq of each message as they were last seen,
// and which UIDs vanished when.
//
// It can be deleted at any time, and nothing in it is synced. Modseqs are microseconds since 1970 (or
// one more than the last): whatever is lost, the next change has a greater modseq than all that clients
// have heard of, and what is found different from the file counts as changed now. What the file alone
// knows (flags that went there and back, a message that came and went) a power cut may take with its
// last records. So it names the run of the machine it was written in (disk::Disk::run()), and in
// another one it is given up: all messages count as changed now, nothing is known of what vanished, and
// each client asks once for all flags. The same where a record is torn.
//
// The file is a log of records with checksums.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "disk/interface.hpp"
#include "store/message_list.hpp"

namespace mailhandler::store {

class ModSeqs {
  public:
    struct Seen {
        Uid uid = 0;
        Flags flags = 0;
        ModSeq modseq = 0;
    };
    struct Gone {
        Uid uid = 0;
        ModSeq modseq = 0;
    };
    // How many vanished UIDs are remembered at most, and how many once they were too many.
    static constexpr std::size_t most_gone = 100'000, kept_gone = 50'000;

    ModSeqs(disk::Disk& disk, const Clock& clock, Log log, const std::string& maildir);

    // Reads the file, where there is one of this UIDVALIDITY and this run: the messages as last seen,
    // by UID. Else begins anew, in memory alone. `kept()`: there is a file.
    std::vector<Seen> load(std::uint32_t uid_validity);
    bool kept() const { return kept_; }

    ModSeq highest() const { return highest_; }
    // A modseq that nothing had before.
    ModSeq next();

    // Gives a new modseq to each message of `list` that differs from what was `known` (seen_in() the
    // list before, or load()), one for all, and notes that and what vanished. Returns how many did.
    std::size_t stamp(MessageList& list, const std::vector<Seen>& known);
    static std::vector<Seen> seen_in(const MessageList& list);

    // What happened: written where there is a file.
    void changed(std::vector<Seen> messages);
    void vanished(const std::vector<Uid>& uids, ModSeq modseq);
    void mailbox_changed(ModSeq modseq);  // the mailbox, and none of its messages

    // From now on there is a file. `list`: all there is.
    void keep(const MessageList& list);
    // Writes the file anew when most of it is history.
    void compact(const MessageList& list);

    // Ascending; nothing: what vanished after `since` is not known any more.
    std::optional<std::vector<Uid>> vanished_since(ModSeq since) const;

  private:
    void append(const std::string& records);
    void rewrite(const MessageList& list);
    void forget_oldest();

    disk::Disk& disk_;
    const Clock& clock_;
    Log log_;
    const std::string path_;
    bool kept_ = false;
    std::uint32_t uid_validity_ = 0;
    ModSeq highest_ = 0, floor_ = 0;  // floor_: what vanished up to it is not known
    std::vector<Gone> gone_;          // in the order of modseqs
    std::size_t records_ = 0;         // in the file
};

}  // namespace mailhandler::store
