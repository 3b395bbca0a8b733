// One look at a mailbox's directories: the names that lie there, paired by their UIDs with the
// messages that are known, and the list that they make. Only for store/mailbox_refresh.
#pragma once

#include <memory>
#include <vector>

#include "store/mailbox_part.hpp"
#include "store/message_list.hpp"
#include "store/uids.hpp"

namespace mailhandler::store {

class MailboxScan {
  public:
    // `before`: the list as it was, which outlives this; null where that has another UIDVALIDITY,
    // and then look() has to list both parts.
    MailboxScan(Uids& uids, const MessageList* before) : uids_(uids), before_(before) {}

    // Of new/ first, then of cur/: what moves on meanwhile is seen twice, not never.
    Result<> look(MailboxPart& part, Look look, Instant asked);
    bool listed() const { return listed_; }  // some part had to be
    bool quiet() const { return quiet_; }    // … and nothing changed in it meanwhile

    // Once all was looked at: sorts what was seen into messages with and without a UID.
    void pair();
    bool lacks_uids() const { return !nameless_.empty(); }
    // With the lock on the UIDs held: gives the others theirs, the oldest message first.
    Result<> assign();

    // The new list, without its settings and modseqs.
    struct Made {
        std::shared_ptr<MessageList> list;
        bool same = true;      // nothing is different from before
        bool missing = false;  // something was not seen; unless all was quiet, it stays in the list
    };
    Made make();

  private:
    // A message as it was seen: in a listing now, or in the list before (its directory did not
    // change).
    struct Sighting {
        Uid uid = 0;
        bool in_new = false;
        const disk::Names::Name* entry = nullptr;  // seen now, …
        const ListedMessage* before = nullptr;     // … or known from before
    };
    // What says how old a nameless message is, in two numbers, and its place among them.
    struct Aged;

    static bool by_uid(const Sighting& one, const Sighting& other);
    std::string_view file(const Sighting& each) const {
        return each.entry ? each.entry->text() : before_->file(*each.before);
    }
    void give_up_passed_uids();
    std::vector<Aged> by_age() const;
    void add(MessageList& to, const Sighting& sighting, const ListedMessage* old) const;

    Uids& uids_;
    const MessageList* const before_;
    bool listed_ = false, quiet_ = true;
    disk::Names entries_[2];
    bool was_listed_[2] = {false, false};
    bool reuse_names_ = false;
    std::vector<Sighting> sightings_, nameless_;
};

}  // namespace mailhandler::store
