// How a mailbox keeps up with its directory.
//
//     read dovecot-uidlist     what others assigned
//     list new/, list cur/     in this order: what moves on meanwhile is seen twice, not never
//     names without a UID?     lock, read the list again; others assigned some: list again;
//                              assign, append, sync, unlock
//     missing names?           believed when neither directory changed while it was listed, else
//                              once more; at last they stay until a quiet moment
//
// A directory whose modification time and inode are as they were is not listed, once that time is a
// tick of the file system's clock ago (before, something may have changed without a trace).
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "store/mailbox_state.hpp"
#include "store/maildir_listing.hpp"

namespace mailhandler::store {

namespace {

constexpr int most_attempts = 3;
// How long our own changes are trusted to be the only ones: from the last, and from the first.
constexpr auto own_trusted = std::chrono::seconds(1), own_trusted_at_most = std::chrono::seconds(5);

bool is_message(const disk::Names::Name& entry) {
    const std::string_view name = entry.text();
    return entry.kind() == disk::Kind::file && name.front() != '.' && name.front() != ',' &&
           name.front() != ':' && name.find('\n') == name.npos;
}

// A message as it was seen: in a listing now, or in the list before (its directory did not change).
struct Sighting {
    Uid uid = 0;
    bool in_new = false;
    const disk::Names::Name* entry = nullptr;      // seen now, …
    const ListedMessage* before = nullptr;  // … or known from before

    std::string_view file(const MessageList* list) const {
        return entry ? entry->text() : list->file(*before);
    }
};

// By UID. Of two names of one message the one in cur/ comes first, and a longer one: more flags.
bool by_uid(const Sighting& one, const Sighting& other) {
    if (one.uid != other.uid) return one.uid < other.uid;
    if (one.in_new != other.in_new) return other.in_new;
    return one.entry && other.entry && one.entry->text() > other.entry->text();
}

class Scan {
  public:
    Scan(Mailbox::State& state, bool anew, Instant asked)
        : state_(state), before_(anew ? nullptr : state.list.get()), asked_(asked) {}

    Result<> look(MailboxPart& part, Look look);
    bool listed() const { return listed_; }
    bool quiet() const { return quiet_; }
    // Sightings with and without a UID.
    void sort_out();
    std::vector<Sighting>& sightings() { return sightings_; }
    std::vector<Sighting>& nameless() { return nameless_; }
    const MessageList* before() const { return before_; }

    Result<> assign();
    // The new list; `missing`: what is not believed to be gone stays.
    struct Made {
        std::shared_ptr<MessageList> list;
        bool same = true;          // nothing is different from before
        bool missing = false;      // something was not seen
    };
    Made make();

  private:
    bool needed(const MailboxPart& part, const disk::Status& now, Look look) const;
    void add(MessageList& to, const Sighting& sighting, const ListedMessage* old);

    Mailbox::State& state_;
    const MessageList* const before_;
    const Instant asked_;
    bool listed_ = false, quiet_ = true;
    disk::Names entries_[2];
    bool was_listed_[2] = {false, false};
    bool reuse_names_ = false;
    std::vector<Sighting> sightings_, nameless_;
};

bool Scan::needed(const MailboxPart& part, const disk::Status& now, Look look) const {
    if (!before_ || !part.known || part.inode != now.inode || part.modified != now.modified)
        return true;
    if (part.settled || part.listed > asked_) return false;
    if (!part.own || look == Look::thorough) return true;
    const Instant instant = state_.means.clock.now();
    return instant - part.own_last >= own_trusted || instant - part.own_since >= own_trusted_at_most;
}

Result<> Scan::look(MailboxPart& part, Look look) {
    disk::Disk& disk = state_.means.disk;
    const auto status = disk.status(part.path);
    if (!status) return tl::unexpected(status.error());
    if (!needed(part, *status, look)) return {};
    const WallTime began = state_.means.clock.wall();
    part.listed = state_.means.clock.now();
    auto entries = disk.names(part.path);
    if (!entries) return tl::unexpected(entries.error());
    const auto after = disk.status(part.path);
    if (!after) return tl::unexpected(after.error());
    const bool untouched = after->inode == status->inode && after->modified == status->modified;
    const bool old_enough = status->modified + disk::tick(status->modified) < began;
    part.known = true;
    part.inode = status->inode;
    part.modified = status->modified;
    part.settled = untouched && old_enough;
    part.own = false;
    // A time that is still ticking says nothing about quiet either; but where nothing else is
    // known, two equal times are all there is to go by.
    quiet_ = quiet_ && untouched;
    listed_ = true;
    entries_[part.in_new] = std::move(*entries);
    was_listed_[part.in_new] = true;
    return {};
}

void Scan::sort_out() {
    sightings_.clear();
    nameless_.clear();
    sightings_.reserve(entries_[0].size() + entries_[1].size());
    for (const bool in_new : {false, true}) {
        for (const disk::Names::Name& entry : entries_[in_new]) {
            if (!is_message(entry)) continue;
            const Uid uid = state_.uids.count() == 0 ? 0 : state_.uids.find(base_of(entry.text()));
            const Sighting sighting{uid, in_new, &entry, nullptr};
            (sighting.uid ? sightings_ : nameless_).push_back(sighting);
        }
    }
    if (before_ && !(was_listed_[0] && was_listed_[1])) {
        for (const ListedMessage& message : before_->messages) {
            if (!was_listed_[message.in_new])
                sightings_.push_back({message.uid, message.in_new, nullptr, &message});
        }
    }
    std::sort(sightings_.begin(), sightings_.end(), by_uid);
    const auto twice = std::unique(sightings_.begin(), sightings_.end(),
                                   [](auto& one, auto& other) { return one.uid == other.uid; });
    sightings_.erase(twice, sightings_.end());
    if (!before_) return;
    // A UID that clients have seen pass by unused cannot appear any more: a new one then.
    auto old = before_->messages.begin();
    const auto end = before_->messages.end();
    std::erase_if(sightings_, [&](const Sighting& each) {
        if (each.uid >= before_->uid_next) return false;
        while (old != end && old->uid < each.uid) ++old;
        if (old != end && old->uid == each.uid) return false;
        nameless_.push_back(each);
        return true;
    });
}

Result<> Scan::assign() {
    // Sorted are two numbers for each, and its place; the names only where those are equal.
    struct Aged {
        AgeKey key;
        std::uint32_t place = 0;
    };
    std::vector<Aged> order;
    order.reserve(nameless_.size());
    const auto base = [&](const Aged& each) { return base_of(nameless_[each.place].file(before_)); };
    for (const Sighting& each : nameless_)
        order.push_back({age_key(base_of(each.file(before_))), static_cast<std::uint32_t>(order.size())});
    // A file in new/ and in cur/ is one message: cur/ counts.
    std::sort(order.begin(), order.end(), [&](const Aged& one, const Aged& other) {
        if (one.key != other.key) return one.key < other.key;
        if (base(one) != base(other)) return older(base(one), base(other));
        return by_uid(nameless_[one.place], nameless_[other.place]);
    });
    const auto twice = std::unique(order.begin(), order.end(), [&](const auto& one, const auto& other) {
        return one.key == other.key && base(one) == base(other);
    });
    order.erase(twice, order.end());
    std::vector<std::string_view> files;
    files.reserve(order.size());
    for (const Aged& each : order) files.push_back(nameless_[each.place].file(before_));
    const auto uids = state_.uids.assign(files, before_ ? before_->uid_next : 0);
    if (!uids) return tl::unexpected(uids.error());
    sightings_.reserve(sightings_.size() + order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        sightings_.push_back(nameless_[order[i].place]);
        sightings_.back().uid = (*uids)[i];
    }
    if (!std::is_sorted(sightings_.begin(), sightings_.end(), by_uid))
        std::sort(sightings_.begin(), sightings_.end(), by_uid);
    return {};
}

// `old`: the same message before, null where it is new.
void Scan::add(MessageList& to, const Sighting& sighting, const ListedMessage* old) {
    const std::string_view file = sighting.file(before_);
    ListedMessage message;
    if (old && reuse_names_ && before_->file(*old) == file) {
        message = *old;
    } else {
        to.names.add(file, message);
    }
    message.modseq = old ? old->modseq : 0;
    message.uid = sighting.uid;
    message.in_new = sighting.in_new;
    message.flags = flags_of_file(file);
    to.messages.push_back(message);
}

Scan::Made Scan::make() {
    Made made;
    made.list = std::make_shared<MessageList>();
    MessageList& list = *made.list;
    list.maildir = state_.maildir;
    list.messages.reserve(sightings_.size());
    // Names of what is gone or was renamed pile up: now and then all are written anew.
    reuse_names_ = before_ && before_->names.octets() <
                                  (std::size_t(64) << 10) + 250 * before_->messages.size();
    if (reuse_names_) list.names = before_->names;
    static const std::vector<ListedMessage> none;
    const auto& known = before_ ? before_->messages : none;
    auto old = known.begin();
    const auto missing = [&] {
        made.missing = true;
        if (!quiet_) add(list, {old->uid, old->in_new, nullptr, &*old}, &*old);
        made.same = made.same && !quiet_;
        ++old;
    };
    for (const Sighting& each : sightings_) {
        while (old != known.end() && old->uid < each.uid) missing();
        const bool there = old != known.end() && old->uid == each.uid;
        add(list, each, there ? &*old : nullptr);
        const ListedMessage& now = list.messages.back();
        made.same = made.same && there && now.flags == old->flags && now.in_new == old->in_new &&
                    before_->file(*old) == list.file(now);
        if (there) ++old;
    }
    while (old != known.end()) missing();
    return made;
}

}  // namespace

// --- modseqs of a list that was made -------------------------------------------------------

namespace {

// Gives a new modseq to whatever differs from what was known; says what that was.
struct Stamped {
    std::vector<ModSeqs::Seen> changed;
    std::vector<Uid> vanished;
    ModSeq modseq = 0;  // of both; 0: nothing differs
};

// `known(uid)`-ordered records of before: flags and modseq.
Stamped stamp(MessageList& list, const std::vector<ModSeqs::Seen>& known, ModSeqs& modseqs) {
    Stamped stamped;
    const auto fresh = [&] {
        if (stamped.modseq == 0) stamped.modseq = modseqs.next();
        return stamped.modseq;
    };
    auto old = known.begin();
    for (ListedMessage& each : list.messages) {
        for (; old != known.end() && old->uid < each.uid; ++old)
            stamped.vanished.push_back(old->uid);
        const bool there = old != known.end() && old->uid == each.uid;
        if (there && old->flags == each.flags) {
            each.modseq = old->modseq;
        } else {
            each.modseq = fresh();
            stamped.changed.push_back({each.uid, each.flags, each.modseq});
        }
        if (there) ++old;
    }
    for (; old != known.end(); ++old) stamped.vanished.push_back(old->uid);
    if (!stamped.vanished.empty()) (void)fresh();
    return stamped;
}

std::vector<ModSeqs::Seen> known_of(const MessageList& list) {
    std::vector<ModSeqs::Seen> known;
    known.reserve(list.messages.size());
    for (const ListedMessage& each : list.messages)
        known.push_back({each.uid, each.flags, each.modseq});
    return known;
}

Uid first_in_new(const MessageList& list) {
    for (const ListedMessage& each : list.messages)
        if (each.in_new) return each.uid;
    return list.uid_next;
}

}  // namespace

Result<> Mailbox::State::lock_uids(std::optional<Dotlock>& held) {
    if (held) return {};
    auto taken = uids.lock();
    if (!taken) return tl::unexpected(taken.error());
    held = std::move(*taken);
    return {};
}

Result<MessageListPointer> Mailbox::State::refresh(Look look, Instant asked) {
    std::optional<Dotlock> held;
    return refresh(look, held, asked);
}

Result<MessageListPointer> Mailbox::State::refresh(Look look, std::optional<Dotlock>& held,
                                                   Instant asked) {
    for (int attempt = 1;; ++attempt) {
        if (auto read = uids.refresh(); !read) return tl::unexpected(read.error());
        if (uids.validity() == 0 && !held) {
            // Not for a mailbox that is not there.
            if (auto there = means.disk.status(seen.path); !there)
                return tl::unexpected(there.error());
            if (auto done = lock_uids(held); !done) return tl::unexpected(done.error());
        }
        if (auto read = keywords.refresh(); !read) return tl::unexpected(read.error());
        const bool anew = !list || list->uid_validity != uids.validity();
        if (anew || revision != uids.revision() || list->uid_next != uids.next())
            fresh.known = seen.known = false;
        Scan scan(*this, anew, asked);
        for (MailboxPart* part : {&fresh, &seen})
            if (auto done = scan.look(*part, look); !done) return tl::unexpected(done.error());
        const bool settings_same = !anew && list->uid_next == uids.next() &&
                                   list->keywords == keywords.names();
        if (!scan.listed() && settings_same) return list;
        scan.sort_out();
        if (!scan.nameless().empty() || uids.to_be_made()) {
            const Uid next = uids.next();
            const std::uint32_t validity = uids.validity();
            if (!held) {
                if (auto done = lock_uids(held); !done) return tl::unexpected(done.error());
                if (next != uids.next() || validity != uids.validity()) {
                    fresh.known = seen.known = false;
                    continue;  // somebody was faster: their messages come first
                }
            }
            if (auto done = scan.assign(); !done) return tl::unexpected(done.error());
        }
        auto made = scan.make();
        if (made.missing && !scan.quiet()) {
            fresh.known = seen.known = false;
            if (attempt < most_attempts) continue;
        }
        revision = uids.revision();
        if (made.same && settings_same && list->uid_next == uids.next()) return list;

        MessageList& now = *made.list;
        now.uid_validity = uids.validity();
        now.uid_next = uids.next();
        now.keywords = keywords.names();
        const auto known = anew ? modseqs.load(now.uid_validity) : known_of(*list);
        auto stamped = stamp(now, known, modseqs);
        modseqs.changed(std::move(stamped.changed));
        if (!stamped.vanished.empty()) modseqs.vanished(stamped.vanished, stamped.modseq);
        now.first_recent = anew ? first_in_new(now) : list->first_recent;
        if (anew) cache_current = false;
        gone_since_compact += stamped.vanished.size();
        publish(std::move(made.list));
        if (scan.quiet()) tidy(held);
        return list;
    }
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
    fresh.known = seen.known = false;
    return refresh(Look::thorough);
}

bool Mailbox::State::clean(const MailboxPart& part) const {
    if (!part.known || !(part.settled || part.own)) return false;
    const auto status = means.disk.status(part.path);
    return status && status->inode == part.inode && status->modified == part.modified;
}

void Mailbox::State::changed_by_us(MailboxPart& part, bool was_clean) {
    const auto status = means.disk.status(part.path);
    if (!was_clean || !status || status->inode != part.inode) {
        part.known = false;
        return;
    }
    const Instant now = means.clock.now();
    if (!part.own) part.own_since = now;
    part.own_last = now;
    part.own = true;
    part.settled = false;
    part.modified = status->modified;
}

}  // namespace mailhandler::store
