// What an IMAP session asks of its owner, answered (imap/question.hpp): who may log in (Logins), the
// account's folders and annotations, the selected mailbox, appends. What is in messages is ImapContents'.
// One for each session; blocking, one call at a time, but for what imap::place() answers inline.
//
// Each account has its own maildir, and nothing of a name that a client gives becomes a path but by
// store::Folders. What the session was told last of the selected mailbox is a MessageList; every answer's
// Changes are the difference to the list as it is now.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/delivery.hpp"
#include "agent/imap_contents.hpp"
#include "agent/logins.hpp"
#include "imap/question.hpp"
#include "store/annotations.hpp"
#include "store/folders.hpp"

namespace mailhandler::agent {

class ImapAccess {
  public:
    // Called inline when IDLE begins, with the directories whose changes are to wake the session (new/ and
    // cur/ of the selected mailbox), and when it ends, with none. May be empty.
    using Watch = std::function<void(std::vector<std::string> directories)>;

    // `client` is the session's own, read whenever a question is answered. `mailboxes` are those of the
    // whole process, with ImapContents::cache_version, and outlive what `offer` took.
    ImapAccess(Mailroom& room, store::Mailboxes& mailboxes, Logins& logins,
               const imap::Client& client, Watch watch = {}, Offer offer = {});
    ~ImapAccess();

    imap::Answer answer(imap::Question question);

  private:
    // imap_access.cpp: logging in, and the account
    imap::Verdict take(const imap::MayConnect& question);
    imap::Verdict take(const imap::MayLogin& question);
    imap::Quota take(const imap::GetQuota& question);
    bool over_quota(std::uint64_t more);
    void delivered(std::uint64_t octets, std::size_t messages);
    imap::Verdict refused(const Fault& fault) const;

    // imap_folders.cpp
    imap::Folders take(const imap::ListFolders& question);
    imap::Verdict take(const imap::Create& question);
    imap::Verdict take(const imap::Delete& question);
    imap::Verdict take(const imap::Rename& question);
    imap::Verdict take(const imap::Subscribe& question);
    imap::Statuses take(const imap::GetStatus& question);
    imap::StatusOf status_of(const std::string& name, const imap::GetStatus& question);
    imap::Annotations take(const imap::GetMetadata& question);
    imap::Verdict take(const imap::SetMetadata& question);
    Result<store::Annotations> annotations(const std::string& mailbox);

    // imap_selection.cpp: the selected mailbox
    imap::Selected take(const imap::Select& question);
    imap::UidSet vanished(imap::ModSeq since, const imap::UidSet& of,
                          const store::MessageList& list);
    imap::Refreshed take(const imap::Refresh& question);
    imap::Vanished take(const imap::VanishedSince& question);
    imap::Verdict take(const imap::Unselect& question);
    imap::Verdict take(const imap::Watch& question);
    imap::Fetched take(const imap::Fetch& question);
    imap::Found take(const imap::Search& question);
    imap::Stored take(const imap::Store& question);
    imap::Changed take(const imap::Expunge& question);
    imap::Copied take(const imap::Copy& question);
    Result<> expunge(const imap::UidSet* uids);
    Result<imap::Changes> look();
    Result<store::Mailbox::Claimed> claim(const std::shared_ptr<store::Mailbox>& mailbox,
                                          store::Look look);
    imap::Changes changes_to(store::MessageListPointer now);

    // imap_appending.cpp
    imap::Verdict take(const imap::AppendMessage& question);
    imap::Verdict take(imap::AppendOctets& question);
    imap::Appended take(const imap::AppendCommit& question);
    imap::Verdict take(const imap::AppendDiscard& question);

    Mailroom& room_;
    store::Mailboxes& mailboxes_;
    Logins& logins_;
    const imap::Client& client_;
    const Watch watch_;
    const Offer offer_;

    Snapshot snapshot_;  // as it was when the client connected
    std::optional<Account> account_;
    std::string maildir_;  // the account's
    std::optional<store::Folders> folders_;

    std::shared_ptr<store::Mailbox> selected_;
    bool read_only_ = false;
    bool watching_ = false;
    store::MessageListPointer told_;  // what the session knows of it
    ImapContents contents_;

    // A message on its way, and those of the same APPEND before it.
    struct Incoming;
    std::unique_ptr<Incoming> incoming_;
};

// The messages of `list` in these ranges, ascending.
std::vector<store::Uid> uids_in(const store::MessageList& list, const imap::UidSet& ranges);

}  // namespace mailhandler::agent
