// How a mailbox keeps up with its directory.
//
//     read dovecot-uidlist     what others assigned
//     list new/, list cur/     in this order: what moves on meanwhile is seen twice, not never
//     names without a UID?     lock, read the list again; others assigned some: list again;
//                              assign, append, sync, unlock
//     missing names?           believed when neither directory changed while it was listed, else
//                              once more; at last they stay until a quiet moment
#include "store/mailbox_scan.hpp"
#include "store/mailbox_state.hpp"

namespace mailhandler::store {

namespace {

constexpr int most_attempts = 3;

Uid first_in_new(const MessageList& list) {
    for (const ListedMessage& each : list.messages)
        if (each.in_new) return each.uid;
    return list.uid_next;
}

}  // namespace

Result<MessageListPointer> Mailbox::State::refresh(Look look, Instant asked) {
    std::optional<Dotlock> held;
    return refresh(look, held, asked);
}

Result<MessageListPointer> Mailbox::State::refresh(Look look, std::optional<Dotlock>& held,
                                                   Instant asked) {
    for (int attempt = 1;; ++attempt) {
        if (auto read = read_uids_and_keywords(held); !read) return tl::unexpected(read.error());
        const bool anew = !list || list->uid_validity != uids.validity();
        if (anew || revision != uids.revision() || list->uid_next != uids.next()) forget_listings();
        MailboxScan scan(uids, anew ? nullptr : list.get());
        for (MailboxPart* part : {&fresh, &seen})
            if (auto done = scan.look(*part, look, asked); !done)
                return tl::unexpected(done.error());
        const bool settings_same =
            !anew && list->uid_next == uids.next() && list->keywords == keywords.names();
        if (!scan.listed() && settings_same) return list;
        scan.pair();
        if (scan.lacks_uids() || uids.to_be_made()) {
            const auto assigned = assign(scan, held);
            if (!assigned) return tl::unexpected(assigned.error());
            if (!*assigned) continue;  // somebody was faster: their messages come first
        }
        auto made = scan.make();
        if (made.missing && !scan.quiet()) {
            forget_listings();
            if (attempt < most_attempts) continue;
        }
        revision = uids.revision();
        if (made.same && settings_same && list->uid_next == uids.next()) return list;
        take_on(std::move(made.list), anew);
        if (scan.quiet()) tidy(held);
        return list;
    }
}

Result<> Mailbox::State::read_uids_and_keywords(std::optional<Dotlock>& held) {
    if (auto read = uids.refresh(); !read) return read;
    if (uids.validity() == 0 && !held) {
        // Not for a mailbox that is not there.
        if (auto there = means.disk.status(seen.path()); !there)
            return tl::unexpected(there.error());
        if (auto done = lock_uids(held); !done) return done;
    }
    return keywords.refresh();
}

Result<> Mailbox::State::lock_uids(std::optional<Dotlock>& held) {
    if (held) return {};
    auto taken = uids.lock();
    if (!taken) return tl::unexpected(taken.error());
    held = std::move(*taken);
    return {};
}

Result<bool> Mailbox::State::assign(MailboxScan& scan, std::optional<Dotlock>& held) {
    const Uid next = uids.next();
    const std::uint32_t validity = uids.validity();
    if (auto done = lock_uids(held); !done) return tl::unexpected(done.error());
    if (next != uids.next() || validity != uids.validity()) {
        forget_listings();
        return false;
    }
    if (auto done = scan.assign(); !done) return tl::unexpected(done.error());
    return true;
}

void Mailbox::State::take_on(std::shared_ptr<MessageList> made, bool anew) {
    made->maildir = maildir;
    made->uid_validity = uids.validity();
    made->uid_next = uids.next();
    made->keywords = keywords.names();
    const auto known = anew ? modseqs.load(made->uid_validity) : ModSeqs::seen_in(*list);
    gone_since_compact += modseqs.stamp(*made, known);
    made->first_recent = anew ? first_in_new(*made) : list->first_recent;
    if (anew) cache_current = false;
    publish(std::move(made));
}

// Drops what is gone from the files that remember it, when that is much.
void Mailbox::State::tidy(std::optional<Dotlock>& held) {
    modseqs.compact(*list);
    const std::size_t living = list->messages.size();
    if (cache_current && gone_since_compact > 100 + living / 4) {
        caches.back()->compact(*list);
        gone_since_compact = 0;
    }
    if (uids.count() <= 100 + living + living / 3) return;
    if (!lock_uids(held)) return;
    if (uids.validity() != list->uid_validity) return;
    const auto dropped =
        uids.drop(list->uid_next, [&](Uid uid) { return list->find(uid) != nullptr; });
    if (!dropped) means.log.warning(dropped.error().text());
    revision = uids.revision();
}

Result<MessageListPointer> Mailbox::State::look_again() {
    forget_listings();
    return refresh(Look::thorough);
}

}  // namespace mailhandler::store
