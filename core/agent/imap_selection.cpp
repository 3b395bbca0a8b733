// The selected mailbox of an IMAP session, and what a client does with its messages.
#include <algorithm>
#include <cerrno>

#include "agent/imap_incoming.hpp"

namespace mailhandler::agent {

static_assert(imap::flag_answered == store::flag_answered &&
              imap::flag_flagged == store::flag_flagged &&
              imap::flag_deleted == store::flag_deleted && imap::flag_seen == store::flag_seen &&
              imap::flag_draft == store::flag_draft &&
              imap::first_keyword_bit == store::first_keyword_bit);

namespace {

imap::Message message_of(const store::ListedMessage& message) {
    return {message.uid, message.flags, message.modseq};
}

std::vector<imap::Message> messages_of(const std::vector<store::ListedMessage>& messages) {
    std::vector<imap::Message> found;
    found.reserve(messages.size());
    for (const auto& each : messages) found.push_back(message_of(each));
    return found;
}

imap::UidSet set_of(const std::vector<store::Uid>& uids) {
    imap::UidSet set;
    for (const store::Uid uid : uids) set.add(uid);
    return set;
}

}  // namespace

std::vector<store::Uid> uids_in(const store::MessageList& list, const imap::UidSet& ranges) {
    std::vector<store::Uid> uids;
    auto at = list.messages.begin();
    for (const imap::UidRange& range : ranges.ranges()) {
        at = std::lower_bound(at, list.messages.end(), range.first,
                              [](const auto& message, imap::Uid uid) { return message.uid < uid; });
        for (; at != list.messages.end() && at->uid <= range.last; ++at) uids.push_back(at->uid);
    }
    return uids;
}

imap::Selected ImapAccess::take(const imap::Select& question) {
    selected_.reset();
    told_.reset();
    contents_.forget();
    imap::Selected answer;
    const auto refuse = [&](const Fault& fault) {
        answer.verdict = refused(fault);
        return answer;
    };
    auto mailbox = folders_->open(question.name);
    if (!mailbox) return refuse(mailbox.error());
    store::MessageListPointer list;
    if (question.read_only) {
        const auto looked = (*mailbox)->refresh();
        if (!looked) return refuse(looked.error());
        list = *looked;
        if (list->first_recent < list->uid_next) answer.first_recent = list->first_recent;
    } else {
        const auto claimed = claim(*mailbox, store::Look::cheap);
        if (!claimed) return refuse(claimed.error());
        list = claimed->list;
        answer.first_recent = claimed->first_recent;
    }
    selected_ = std::move(*mailbox);
    read_only_ = question.read_only;
    told_ = list;
    if (question.condstore || question.resync) selected_->keep_modseqs();
    answer.uid_validity = list->uid_validity;
    answer.uid_next = list->uid_next;
    answer.highest_modseq = list->highest_modseq;
    answer.keywords = *list->keywords;
    answer.messages = messages_of(list->messages);
    if (question.resync && question.resync->uid_validity == list->uid_validity)
        answer.vanished = vanished(question.resync->modseq, question.resync->known, *list);
    return answer;
}

// RFC 7162 section 3.2.6: where it is not known when they vanished, all that are not there.
imap::UidSet ImapAccess::vanished(imap::ModSeq since, const imap::UidSet& of,
                                  const store::MessageList& list) {
    imap::UidSet every;
    if (of.empty() && list.uid_next > 1) every.add(1, list.uid_next - 1);
    const imap::UidSet& asked = of.empty() ? every : of;
    imap::UidSet gone;
    if (const auto known = selected_->vanished_since(since)) {
        for (const store::Uid uid : *known)
            if (asked.contains(uid)) gone.add(uid);
        return gone;
    }
    auto there = list.messages.begin();
    for (const imap::UidRange& range : asked.ranges()) {
        imap::Uid from = range.first;
        const imap::Uid last = std::min(range.last, list.uid_next - 1);
        while (there != list.messages.end() && there->uid < from) ++there;
        for (; from <= last; ++there) {
            const bool more = there != list.messages.end() && there->uid <= last;
            const imap::Uid end = more ? there->uid : last + 1;
            if (end > from) gone.add(from, end - 1);
            if (!more) break;
            from = there->uid + 1;
        }
    }
    return gone;
}

// --- what became different ---------------------------------------------------------------

imap::Changes ImapAccess::changes_to(store::MessageListPointer now) {
    imap::Changes changes;
    if (now == told_) return changes;
    if (now->uid_validity != told_->uid_validity) {
        changes.gone = true;
        return changes;
    }
    const store::Difference found = store::difference(*told_, *now);
    changes.fresh = messages_of(found.fresh);
    changes.changed = messages_of(found.changed);
    changes.vanished = set_of(found.vanished);
    if (now->first_recent < now->uid_next) changes.first_recent = now->first_recent;
    if (now->highest_modseq != told_->highest_modseq) changes.highest_modseq = now->highest_modseq;
    if (now->uid_next != told_->uid_next) changes.uid_next = now->uid_next;
    if (*now->keywords != *told_->keywords) changes.keywords = *now->keywords;
    told_ = std::move(now);
    return changes;
}

// Of a full new/ only some are moved before the answer: no client waits for thousands of renames.
Result<store::Mailbox::Claimed> ImapAccess::claim(const std::shared_ptr<store::Mailbox>& mailbox,
                                                  store::Look look) {
    constexpr std::size_t at_once = 100;
    auto claimed = mailbox->claim(look, offer_ ? at_once : SIZE_MAX);
    if (claimed && claimed->left) (void)offer_([mailbox] { mailbox->settle(); });
    return claimed;
}

Result<imap::Changes> ImapAccess::look() {
    if (!selected_) return imap::Changes();
    const auto how = watching_ ? store::Look::thorough : store::Look::cheap;
    Result<store::MessageListPointer> now;
    store::Uid first_recent = 0;
    if (read_only_) {
        now = selected_->refresh(how);
    } else {
        const auto claimed = claim(selected_, how);
        if (claimed) first_recent = claimed->first_recent;
        if (claimed) now = claimed->list;
        if (!claimed) now = tl::unexpected(claimed.error());
    }
    if (now) {
        auto changes = changes_to(*now);
        if (first_recent != 0) changes.first_recent = first_recent;
        return changes;
    }
    if (now.error().error != ENOENT) return tl::unexpected(now.error());
    imap::Changes changes;
    changes.gone = true;
    return changes;
}

imap::Refreshed ImapAccess::take(const imap::Refresh&) {
    auto changes = look();
    if (!changes) return {refused(changes.error()), {}};
    return {{}, std::move(*changes)};
}

imap::Vanished ImapAccess::take(const imap::VanishedSince& question) {
    selected_->keep_modseqs();
    return {{}, vanished(question.modseq, question.uids, *told_)};
}

imap::Verdict ImapAccess::take(const imap::Unselect& question) {
    Result<> done;
    if (selected_ && question.expunge) done = expunge(nullptr);
    // Of a mailbox that was deleted or renamed in the meantime nothing is left to be removed.
    if (!done && done.error().error == ENOENT) done = Result<>();
    selected_.reset();
    told_.reset();
    contents_.forget();
    return done ? imap::Verdict() : refused(done.error());
}

imap::Verdict ImapAccess::take(const imap::Watch& question) {
    watching_ = question.on && selected_;
    if (!watch_) return {};
    if (watching_)
        watch_({selected_->maildir() + "/new", selected_->maildir() + "/cur"});
    else
        watch_({});
    return {};
}

// --- contents ----------------------------------------------------------------------------

imap::Fetched ImapAccess::take(const imap::Fetch& question) {
    imap::Fetched fetched = contents_.fetch(*selected_, *told_, question);
    if (!question.items.mark_seen || read_only_) return fetched;
    std::vector<store::Uid> unseen;
    for (const imap::Content& each : fetched.contents) {
        const auto* message = told_->find(each.uid);
        if (message && !each.gone && each.verdict.ok && !(message->flags & store::flag_seen))
            unseen.push_back(each.uid);
    }
    if (unseen.empty()) return fetched;
    const auto stored =
        selected_->store(unseen, {store::FlagChange::How::add, store::flag_seen, {}, {}});
    if (stored)
        fetched.changes = changes_to(stored->list);
    else  // they have been read all the same
        room_.log.warning(stored.error().text());
    return fetched;
}

imap::Found ImapAccess::take(const imap::Search& question) {
    return contents_.search(*selected_, *told_, question);
}

// --- changing ----------------------------------------------------------------------------

imap::Stored ImapAccess::take(const imap::Store& question) {
    imap::Stored answer;
    store::FlagChange change;
    change.how = question.how == imap::Store::How::add      ? store::FlagChange::How::add
                 : question.how == imap::Store::How::remove ? store::FlagChange::How::remove
                                                            : store::FlagChange::How::replace;
    change.system = question.flags.system;
    change.keywords = question.flags.keywords;
    change.unchanged_since = question.unchanged_since;
    if (question.unchanged_since) selected_->keep_modseqs();
    const auto stored = selected_->store(uids_in(*told_, question.uids), change);
    if (!stored) {
        answer.verdict = stored.error().error == ENOSPC && !stored.error().temporary
                             ? imap::no(imap::Code::limit, stored.error().cause)
                             : refused(stored.error());
        return answer;
    }
    answer.modified = set_of(stored->modified);
    answer.changes = changes_to(stored->list);
    return answer;
}

// `uids` null: of all.
Result<> ImapAccess::expunge(const imap::UidSet* uids) {
    const auto list = selected_->refresh();
    if (!list) return tl::unexpected(list.error());
    std::vector<store::Uid> deleted;
    for (const store::ListedMessage& each : (*list)->messages)
        if ((each.flags & store::flag_deleted) && (!uids || uids->contains(each.uid)))
            deleted.push_back(each.uid);
    if (deleted.empty()) return {};
    const auto gone = selected_->expunge(deleted);
    if (!gone) return tl::unexpected(gone.error());
    room_.quotas.removed(maildir_, gone->octets);
    return {};
}

imap::Changed ImapAccess::take(const imap::Expunge& question) {
    const auto done = expunge(question.uids ? &*question.uids : nullptr);
    imap::Changed answer;
    if (!done) answer.verdict = refused(done.error());
    if (auto changes = look()) answer.changes = std::move(*changes);
    return answer;
}

imap::Copied ImapAccess::take(const imap::Copy& question) {
    imap::Copied answer;
    const auto refuse = [&](imap::Verdict verdict) {
        answer.verdict = std::move(verdict);
        return answer;
    };
    const auto target = folders_->open(question.destination);
    if (!target && target.error().error == ENOENT) return refuse(imap::no(imap::Code::try_create));
    if (!target) return refuse(refused(target.error()));
    const auto uids = uids_in(*told_, question.uids);
    std::uint64_t octets = 0;
    for (const store::Uid uid : uids) octets += told_->file_size(*told_->find(uid)).value_or(0);
    if (!question.move && over_quota(octets)) return refuse(imap::no(imap::Code::over_quota));
    auto copied = store::Mailbox::copy(*selected_, uids, **target, question.move);
    if (!copied) {
        answer.verdict = refused(copied.error());
    } else {
        answer.uid_validity = copied->uid_validity;
        answer.from = std::move(copied->from);
        answer.to = std::move(copied->to);
        if (!question.move) delivered(copied->octets, answer.to.size());
    }
    if (auto changes = look()) answer.changes = std::move(*changes);
    return answer;
}

}  // namespace mailhandler::agent
