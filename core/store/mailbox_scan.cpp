#include "store/mailbox_scan.hpp"

#include <algorithm>

#include "store/maildir_listing.hpp"

namespace mailhandler::store {

namespace {

bool is_message(const disk::Names::Name& entry) {
    const std::string_view name = entry.text();
    return entry.kind() == disk::Kind::file && name.front() != '.' && name.front() != ',' &&
           name.front() != ':' && name.find('\n') == name.npos;
}

}  // namespace

Result<> MailboxScan::look(MailboxPart& part, Look look, Instant asked) {
    auto listing = part.look(look, asked);
    if (!listing) return tl::unexpected(listing.error());
    if (!*listing) return {};
    // A time that is still ticking says nothing about quiet either; but where nothing else is
    // known, two equal times are all there is to go by.
    quiet_ = quiet_ && (*listing)->untouched;
    listed_ = true;
    entries_[part.in_new()] = std::move((*listing)->names);
    was_listed_[part.in_new()] = true;
    return {};
}

// --- pairing -------------------------------------------------------------------------------

// By UID. Of two names of one message the one in cur/ comes first, and a longer one: more flags.
bool MailboxScan::by_uid(const Sighting& one, const Sighting& other) {
    if (one.uid != other.uid) return one.uid < other.uid;
    if (one.in_new != other.in_new) return other.in_new;
    return one.entry && other.entry && one.entry->text() > other.entry->text();
}

void MailboxScan::pair() {
    sightings_.clear();
    nameless_.clear();
    sightings_.reserve(entries_[0].size() + entries_[1].size());
    for (const bool in_new : {false, true}) {
        for (const disk::Names::Name& entry : entries_[in_new]) {
            if (!is_message(entry)) continue;
            const Uid uid = uids_.count() == 0 ? 0 : uids_.find(base_of(entry.text()));
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
    if (before_) give_up_passed_uids();
}

// A UID that clients have seen pass by unused cannot appear any more: a new one then.
void MailboxScan::give_up_passed_uids() {
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

// --- new UIDs ------------------------------------------------------------------------------

struct MailboxScan::Aged {
    AgeKey key;
    std::uint32_t place = 0;
};

// Nameless messages, each once, the oldest first. Sorted are two numbers for each, and its place;
// the names only where those are equal.
std::vector<MailboxScan::Aged> MailboxScan::by_age() const {
    std::vector<Aged> order;
    order.reserve(nameless_.size());
    const auto base = [&](const Aged& each) { return base_of(file(nameless_[each.place])); };
    for (const Sighting& each : nameless_)
        order.push_back({age_key(base_of(file(each))), static_cast<std::uint32_t>(order.size())});
    // A file in new/ and in cur/ is one message: cur/ counts.
    std::sort(order.begin(), order.end(), [&](const Aged& one, const Aged& other) {
        if (one.key != other.key) return one.key < other.key;
        if (base(one) != base(other)) return older(base(one), base(other));
        return by_uid(nameless_[one.place], nameless_[other.place]);
    });
    const auto twice =
        std::unique(order.begin(), order.end(), [&](const Aged& one, const Aged& other) {
            return one.key == other.key && base(one) == base(other);
        });
    order.erase(twice, order.end());
    return order;
}

Result<> MailboxScan::assign() {
    const std::vector<Aged> order = by_age();
    std::vector<std::string_view> files;
    files.reserve(order.size());
    for (const Aged& each : order) files.push_back(file(nameless_[each.place]));
    const auto uids = uids_.assign(files, before_ ? before_->uid_next : 0);
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

// --- the list ------------------------------------------------------------------------------

// `old`: the same message before, null where it is new.
void MailboxScan::add(MessageList& to, const Sighting& sighting, const ListedMessage* old) const {
    const std::string_view name = file(sighting);
    ListedMessage message;
    if (old && reuse_names_ && before_->file(*old) == name) {
        message = *old;
    } else {
        to.names.add(name, message);
    }
    message.modseq = old ? old->modseq : 0;
    message.uid = sighting.uid;
    message.in_new = sighting.in_new;
    message.flags = flags_of_file(name);
    to.messages.push_back(message);
}

MailboxScan::Made MailboxScan::make() {
    Made made;
    made.list = std::make_shared<MessageList>();
    MessageList& list = *made.list;
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

}  // namespace mailhandler::store
