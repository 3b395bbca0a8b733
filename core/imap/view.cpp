#include "imap/view.hpp"

#include <algorithm>
#include <limits>

#include "imap/lexer.hpp"
#include "imap/response.hpp"

namespace mailhandler::imap {

namespace {

bool below(const Message& message, Uid uid) { return message.uid < uid; }

}  // namespace

View::View(Selected selected, bool read_only)
    : messages_(std::move(selected.messages)),
      told_(messages_.size()),
      keywords_(std::move(selected.keywords)),
      uid_validity_(selected.uid_validity),
      uid_next_(selected.uid_next),
      highest_modseq_(selected.highest_modseq),
      read_only_(read_only) {
    add_recent(selected.first_recent);
}

Flags View::keyword(std::string_view name) const {
    for (std::size_t i = 0; i < keywords_.size() && i < most_keywords; ++i)
        if (same_word(keywords_[i], name)) return keyword_flag(i);
    return 0;
}

std::size_t View::lower(Uid uid) const {
    const auto end = messages_.begin() + static_cast<std::ptrdiff_t>(told_);
    return static_cast<std::size_t>(std::lower_bound(messages_.begin(), end, uid, below) -
                                    messages_.begin());
}

std::optional<std::size_t> View::find(Uid uid) const {
    const std::size_t index = lower(uid);
    if (index == told_ || messages_[index].uid != uid) return std::nullopt;
    return index;
}

std::size_t View::recent_count() const {
    std::size_t count = 0;
    for (const UidRange& range : recent_.ranges())
        count += (range.last == std::numeric_limits<Uid>::max() ? told_ : lower(range.last + 1)) -
                 lower(range.first);
    return count;
}

void View::add_recent(Uid first) {
    if (first != 0 && !messages_.empty() && messages_.back().uid >= first)
        recent_.add(first, messages_.back().uid);
}

std::optional<UidSet> View::numbers(std::string_view text) const {
    const auto numbers = UidSet::parse(text, static_cast<Uid>(told_));
    if (!numbers) return std::nullopt;
    // "1:*" of an empty mailbox means nothing, and is no mistake.
    if (told_ == 0 && text.find('*') != text.npos) return UidSet();
    if (numbers->last() > told_) return std::nullopt;
    UidSet uids;
    for (const UidRange& range : numbers->ranges())
        uids.add(messages_[range.first - 1].uid, messages_[range.last - 1].uid);
    return uids;
}

std::optional<UidSet> View::uids(std::string_view text) const {
    const auto set = UidSet::parse(text, told_ == 0 ? 0 : messages_[told_ - 1].uid);
    if (!set) return std::nullopt;
    return known(*set);
}

UidSet View::known(const UidSet& set) const {
    UidSet uids;
    for (const UidRange& range : set.ranges()) {
        const std::size_t first = lower(range.first);
        if (first == told_) break;
        std::size_t end = lower(range.last);
        if (end < told_ && messages_[end].uid == range.last) ++end;
        if (end > first) uids.add(messages_[first].uid, messages_[end - 1].uid);
    }
    return uids;
}

std::optional<std::size_t> View::Walk::next(const View& view) {
    const auto& ranges = set_.ranges();
    while (range_ < ranges.size()) {
        const std::size_t index = view.lower(std::max(from_, ranges[range_].first));
        if (index == view.count()) break;
        if (view[index].uid <= ranges[range_].last) {
            from_ = view[index].uid + 1;
            if (from_ != 0) return index;
            range_ = ranges.size();  // the greatest UID there can be
            return index;
        }
        ++range_;
    }
    return std::nullopt;
}

void View::apply(Changes changes, const UidSet* silent) {
    for (const Message& changed : changes.changed) {
        const auto at = std::lower_bound(messages_.begin(), messages_.end(), changed.uid, below);
        if (at == messages_.end() || at->uid != changed.uid) continue;
        *at = changed;
        if (silent == nullptr || !silent->contains(changed.uid)) dirty_.add(changed.uid);
    }
    // A UID that does not grow would break every lookup.
    for (const Message& fresh : changes.fresh)
        if (messages_.empty() || fresh.uid > messages_.back().uid) messages_.push_back(fresh);
    add_recent(changes.first_recent);
    if (vanished_.empty() && !changes.vanished.empty()) before_vanished_ = highest_modseq_;
    for (const UidRange& range : changes.vanished.ranges()) vanished_.add(range.first, range.last);
    highest_modseq_ = std::max(highest_modseq_, changes.highest_modseq);
    uid_next_ = std::max(uid_next_, changes.uid_next);
    if (!messages_.empty()) uid_next_ = std::max(uid_next_, messages_.back().uid + 1);
    if (changes.keywords) {
        keywords_told_ = keywords_told_ && *changes.keywords == keywords_;
        keywords_ = std::move(*changes.keywords);
    }
    gone_ = gone_ || changes.gone;
}

void View::touch(const UidSet& uids) {
    for (const UidRange& range : uids.ranges()) dirty_.add(range.first, range.last);
}

bool View::announce(std::string& text, const Style& style, bool expunges, std::size_t most) {
    if (!keywords_told_) append_flag_lists(text);
    keywords_told_ = true;
    if (expunges && !vanished_.empty()) announce_vanished(text, style);
    if (told_ != messages_.size()) {
        told_ = messages_.size();
        text += "* ";
        append_number(text, told_);
        text += " EXISTS\r\n";
        if (style.recent) {
            text += "* ";
            append_number(text, recent_count());
            text += " RECENT\r\n";
        }
    }
    if (dirty_.empty()) return true;
    const std::size_t enough = most > SIZE_MAX - text.size() ? SIZE_MAX : text.size() + most;
    Walk walk(dirty_);
    while (const auto index = walk.next(*this)) {
        if (text.size() >= enough) {
            UidSet rest;
            for (const UidRange& range : dirty_.ranges())
                if (range.last >= messages_[*index].uid)
                    rest.add(std::max(range.first, messages_[*index].uid), range.last);
            dirty_ = std::move(rest);
            return false;
        }
        append_flags_of(text, *index, style);
    }
    dirty_ = UidSet();
    return true;
}

// From the last to the first: no number changes before it is used.
void View::announce_vanished(std::string& text, const Style& style) {
    UidSet told;
    for (auto range = vanished_.ranges().rbegin(); range != vanished_.ranges().rend(); ++range) {
        const std::size_t first = lower(range->first);
        std::size_t end = lower(range->last);
        if (end < told_ && messages_[end].uid == range->last) ++end;
        for (std::size_t index = end; index > first; --index) {
            if (style.vanished) {
                told.add(messages_[index - 1].uid);
                continue;
            }
            text += "* ";
            append_number(text, index);
            text += " EXPUNGE\r\n";
        }
    }
    if (!told.empty()) {
        text += "* VANISHED ";
        told.append_to(text);
        text += "\r\n";
    }
    std::size_t to = 0, left = 0;
    for (std::size_t from = 0; from < messages_.size(); ++from) {
        if (vanished_.contains(messages_[from].uid)) continue;
        if (from < told_) ++left;
        messages_[to++] = messages_[from];
    }
    messages_.resize(to);
    told_ = left;
    vanished_ = UidSet();
    before_vanished_ = 0;
}

void View::append_flag_lists(std::string& text) const {
    std::string names = "(\\Answered \\Flagged \\Deleted \\Seen \\Draft";
    for (const std::string& keyword : keywords_) names += ' ' + keyword;
    text += "* FLAGS " + names + ")\r\n* OK [PERMANENTFLAGS ";
    if (read_only_)
        text += "()] Nothing can be changed\r\n";
    else if (keywords_.size() < most_keywords)
        text += names + " \\*)] Flags that are kept\r\n";
    else
        text += names + ")] Flags that are kept\r\n";
}

void View::append_flags_of(std::string& text, std::size_t index, const Style& style) const {
    const Message& message = messages_[index];
    text += "* ";
    append_number(text, index + 1);
    text += " FETCH (UID ";
    append_number(text, message.uid);
    text += " FLAGS ";
    append_flags(text, message.flags, keywords_, style.recent && recent(message.uid));
    if (style.modseq) {
        text += " MODSEQ (";
        append_number(text, message.modseq);
        text += ')';
    }
    text += ")\r\n";
}

}  // namespace mailhandler::imap
