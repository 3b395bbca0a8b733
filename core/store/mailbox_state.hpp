// What is behind a Mailbox. Only for store/mailbox*.cpp.
#pragma once

#include <optional>
#include <vector>

#include "store/keywords.hpp"
#include "store/mailbox.hpp"
#include "store/mailbox_part.hpp"
#include "store/modseqs.hpp"
#include "store/uids.hpp"

namespace mailhandler::store {

class MailboxScan;

struct Mailbox::State {
    State(MailboxMeans& with, const std::string& directory, const std::string& account,
          std::uint32_t version)
        : means(with), maildir(directory),
          uids(with.disk, with.clock, with.random, with.log, directory, account),
          keywords(with.disk, with.clock, directory),
          modseqs(with.disk, with.clock, with.log, directory), cache_version(version),
          fresh(with, directory + "/new", true), seen(with, directory + "/cur", false) {}

    MailboxMeans& means;
    const std::string maildir;
    // One MOVE out of here at a time: of two that want one message the second finds it gone. Taken before
    // any `mutex`, which is never held by who waits for it.
    std::mutex moving;
    std::mutex mutex;
    Uids uids;
    Keywords keywords;
    ModSeqs modseqs;
    const std::uint32_t cache_version;
    // The last is in use; those of an earlier UIDVALIDITY stay for who still holds them.
    std::vector<std::unique_ptr<MailCache>> caches;
    bool cache_current = false;
    MailboxPart fresh, seen;
    std::uint64_t revision = 0;        // of the list of UIDs, as it was when `list` was made
    std::size_t gone_since_compact = 0;
    bool settling = false;             // somebody is in settle()
    std::shared_ptr<const MessageList> list;  // null before the first refresh()

    // `list` for those who do not wait for `mutex`: a name as it was last. publish() sets both.
    mutable std::mutex latest_mutex;
    std::shared_ptr<const MessageList> latest_list;
    MessageListPointer latest() const {
        const std::scoped_lock guard(latest_mutex);
        return latest_list;
    }

    // --- looking: mailbox_refresh.cpp; with the mutex held --------------------------------

    // `held`: the lock on the UIDs; taken when it is needed. `asked`: when the caller began to wait for
    // `mutex`; what was listed since then saw all that had happened.
    Result<MessageListPointer> refresh(Look look, std::optional<Dotlock>& held,
                                       Instant asked = Instant::max());
    Result<MessageListPointer> refresh(Look look, Instant asked = Instant::max());
    Result<> lock_uids(std::optional<Dotlock>& held);  // unless it is held already
    // Lists everything: a message was not where it had been.
    Result<MessageListPointer> look_again();
    void tidy(std::optional<Dotlock>& held);

    // The steps of refresh().
    Result<> read_uids_and_keywords(std::optional<Dotlock>& held);
    void forget_listings() {
        fresh.forget();
        seen.forget();
    }
    // False: somebody else assigned UIDs meanwhile, all is to be looked at again.
    Result<bool> assign(MailboxScan& scan, std::optional<Dotlock>& held);
    // `anew`: what there was had another UIDVALIDITY.
    void take_on(std::shared_ptr<MessageList> made, bool anew);

    // --- changing: mailbox_change.cpp; with the mutex held ---------------------------------

    // A copy of the list to change, and its publication. `touched`: those with a new modseq.
    std::shared_ptr<MessageList> draft() const { return std::make_shared<MessageList>(*list); }
    void publish(std::shared_ptr<MessageList> made);
    // Moves at most so many from new/ to cur/. False: none is left that can be moved. `claims`: none is
    // recent any more.
    bool move_on(std::size_t most, bool claims);

    // Renames a message to these flags, in cur/. False: it is not there.
    Result<bool> rename(MessageList& in, ListedMessage& message, Flags flags);
    Result<> sync(bool cur, bool fresh_too);
    // The loop behind store() and expunge(), in mailbox_change.cpp.
    template <class Act, class Settle>
    Result<> change(std::vector<Uid> todo, Act act, Settle settle);
    // Messages that we put into cur/ ourselves, with their new UIDs.
    struct Placed {
        std::string file;
        Flags flags = 0;
        Uid uid = 0;
    };
    void insert(const std::vector<Placed>& placed);
};

}  // namespace mailhandler::store
