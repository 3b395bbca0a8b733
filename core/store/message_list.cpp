#include "store/message_list.hpp"

#include <algorithm>
#include <cstring>

#include "store/maildir.hpp"

namespace mailhandler::store {

namespace {

// A small mailbox shall not cost a large block.
constexpr std::size_t smallest_block = 2048, largest_block = 256 * 1024;

bool before(const ListedMessage& message, Uid uid) { return message.uid < uid; }

}  // namespace

void NameBlocks::add(std::string_view name, ListedMessage& into) {
    if (name.size() > left_) {
        const std::size_t size = std::clamp(octets_, smallest_block, largest_block);
        blocks_.push_back(std::shared_ptr<char[]>(new char[size]));
        used_ = 0;
        left_ = size;
    }
    std::memcpy(blocks_.back().get() + used_, name.data(), name.size());
    into.block = static_cast<std::uint32_t>(blocks_.size() - 1);
    into.begin = static_cast<std::uint32_t>(used_);
    into.size = static_cast<std::uint16_t>(name.size());
    used_ += name.size();
    left_ -= name.size();
    octets_ += name.size();
}

std::string MessageList::path(const ListedMessage& message) const {
    std::string whole = maildir;
    whole += message.in_new ? "/new/" : "/cur/";
    whole += file(message);
    return whole;
}

std::optional<std::uint64_t> MessageList::wire_size(const ListedMessage& message) const {
    return size_in_name(file(message), 'W');
}

std::optional<std::uint64_t> MessageList::file_size(const ListedMessage& message) const {
    return size_in_name(file(message), 'S');
}

const ListedMessage* MessageList::find(Uid uid) const {
    const auto found = std::lower_bound(messages.begin(), messages.end(), uid, before);
    return found == messages.end() || found->uid != uid ? nullptr : &*found;
}

Difference difference(const MessageList& before, const MessageList& after) {
    Difference found;
    if (&before == &after) return found;
    auto old = before.messages.begin();
    const auto end = before.messages.end();
    for (const ListedMessage& now : after.messages) {
        for (; old != end && old->uid < now.uid; ++old) found.vanished.push_back(old->uid);
        if (old == end || old->uid != now.uid) {
            found.fresh.push_back(now);
            continue;
        }
        if (old->flags != now.flags || old->modseq != now.modseq) found.changed.push_back(now);
        ++old;
    }
    for (; old != end; ++old) found.vanished.push_back(old->uid);
    return found;
}

}  // namespace mailhandler::store
