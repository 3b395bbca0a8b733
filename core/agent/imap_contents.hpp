// What IMAP sessions ask about the contents of messages, answered: FETCH, and SEARCH, SORT and
// THREAD where they look into messages. Blocking: for a pool thread, one call at a time; the messages of
// one FETCH are shared out to other threads that are free.
//
// - What was found out once (envelope, structure, size where the name does not tell it, the fields
//   that SORT, THREAD and common searches look at) comes from the mailbox's cache the next time.
// - Every message is read once for all that is asked of it: only its header where that will do, a
//   small one whole, a large one by ranges. Memory stays flat for a message of any size.
// - LF files are told as CRLF, with offsets and sizes of that form.
#pragma once

#include <memory>

#include "agent/crew.hpp"
#include "agent/stored_message.hpp"
#include "imap/question.hpp"
#include "store/mailbox.hpp"

namespace mailhandler::agent {

// One for each session.
class ImapContents {
  public:
    explicit ImapContents(Offer offer = {}) : offer_(std::move(offer)) {}

    // What the values in the mailboxes' caches mean: the `cache_version` of store::Mailbox.
    static constexpr std::uint32_t cache_version = 1;

    // The first messages asked for, as many as fill 256 KiB, or a few more (one at least); `changes` is left to
    // the caller, \Seen too. A message that is not in `list`, or not on the disk any more, is gone.
    imap::Fetched fetch(store::Mailbox& mailbox, const store::MessageList& list,
                        const imap::Fetch& question);

    // Of all messages in `list`. BADCHARSET where the charset of the texts is not known.
    imap::Found search(store::Mailbox& mailbox, const store::MessageList& list,
                       const imap::Search& question);

    // Another mailbox is selected, or none: nothing is kept open.
    void forget() { large_ = {}; }

  private:
    // The last large message: a client reads it piece by piece.
    struct Large {
        std::string maildir;
        std::uint32_t uid_validity = 0;
        imap::Uid uid = 0;
        std::shared_ptr<StoredMessage> message;
    };
    const Offer offer_;
    Large large_;
};

}  // namespace mailhandler::agent
