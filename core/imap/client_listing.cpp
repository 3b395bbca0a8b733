#include "imap/client_listing.hpp"

#include <algorithm>
#include <utility>

#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t shown_complaints = 8;
constexpr std::size_t shown_octets = 100;

std::string range(Uid first, Uid last) {
    std::string text = std::to_string(first);
    if (last != first) text += ':' + std::to_string(last);
    return text;
}

}  // namespace

bool MailboxListing::add(std::uint32_t number, Uid uid, std::uint64_t size) {
    if (uid < from_) return true;
    if (++lines_ > limit_) return false;
    // RFC 3501 section 2.3.1.1: strictly ascending. What is not is repeated, or made up.
    if (!entries_.empty() && uid <= entries_.back().uid) {
        misunderstood("UID " + std::to_string(uid) + " behind UID " +
                      std::to_string(entries_.back().uid));
        return true;
    }
    entries_.push_back({number, uid, size});
    return true;
}

void MailboxListing::misunderstood(std::string_view line) {
    ++misunderstood_;
    if (complaints_.size() < shown_complaints)
        complaints_.push_back("listing not understood: " + wire::printable(line, shown_octets));
}

void MailboxListing::complete(std::size_t exists) {
    whole_ = from_ <= 1 && entries_.size() == exists;
}

std::optional<std::uint32_t> MailboxListing::find(Uid uid) const {
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), uid,
                         [](const Entry& entry, Uid wanted) { return entry.uid < wanted; });
    if (found == entries_.end() || found->uid != uid) return std::nullopt;
    return static_cast<std::uint32_t>(found - entries_.begin());
}

bool UidSets::add(std::uint32_t index) {
    const Uid uid = listing_.uid_at(index);
    const bool neighbours = !indexes_.empty() && index == indexes_.back() + 1;
    if (neighbours && (listing_.dense() || uid == last_ + 1)) {
        last_ = uid;
    } else {
        if (text_.size() > longest - 64) return false;
        if (!indexes_.empty()) text_ += range(first_, last_) + ',';
        first_ = last_ = uid;
    }
    indexes_.push_back(index);
    return true;
}

std::string UidSets::text() const { return text_ + range(first_, last_); }

std::vector<std::uint32_t> UidSets::take() {
    text_.clear();
    return std::exchange(indexes_, {});
}

}  // namespace mailhandler::imap
