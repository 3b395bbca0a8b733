// The messages of one mailbox at one moment, by UID: a value that many sessions share and that never
// changes. What happened between two moments is the difference of two lists.
//
// 32 octets and the file's name for each message: a mailbox of 100,000 costs about 10 MiB, once for
// all its sessions. Lists that follow each other share the names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/message_flags.hpp"

namespace mailhandler::store {

using Uid = std::uint32_t;     // RFC 3501 section 2.3.1.1
using ModSeq = std::uint64_t;  // RFC 7162 section 1

struct ListedMessage {
    ModSeq modseq = 0;
    Uid uid = 0;
    Flags flags = 0;
    std::uint32_t block = 0;  // where its name lies: MessageList::file()
    std::uint32_t begin = 0;
    std::uint16_t size = 0;
    bool in_new = false;  // else in cur/
};

// Names one behind the other in blocks that are never moved. Appended to by the mailbox alone.
class NameBlocks {
  public:
    void add(std::string_view name, ListedMessage& into);
    std::string_view at(const ListedMessage& message) const {
        return {blocks_[message.block].get() + message.begin, message.size};
    }
    std::size_t octets() const { return octets_; }  // of all names ever added

  private:
    std::vector<std::shared_ptr<char[]>> blocks_;
    std::size_t used_ = 0, left_ = 0;  // of the last block
    std::size_t octets_ = 0;
};

class MessageList {
  public:
    std::uint32_t uid_validity = 0;
    Uid uid_next = 1;
    ModSeq highest_modseq = 0;
    // Messages with this UID and above are \Recent to whoever claims them first.
    Uid first_recent = 1;
    // Index i is bit first_keyword_bit + i of Flags. Never null. It only grows.
    std::shared_ptr<const std::vector<std::string>> keywords;
    std::vector<ListedMessage> messages;  // ascending by UID

    // The directory entry, as it was at this moment.
    std::string_view file(const ListedMessage& message) const { return names.at(message); }
    // MAILDIR/cur/NAME or MAILDIR/new/NAME
    std::string path(const ListedMessage& message) const;
    // ,W= of its name: octets on the wire (RFC822.SIZE); nothing where another program made the name.
    std::optional<std::uint64_t> wire_size(const ListedMessage& message) const;
    // ,S= of its name: octets of the file, for quotas.
    std::optional<std::uint64_t> file_size(const ListedMessage& message) const;
    const ListedMessage* find(Uid uid) const;  // null: it is not there

    std::string maildir;
    NameBlocks names;
};

using MessageListPointer = std::shared_ptr<const MessageList>;

// What became different from `before` to `after`, two lists of one mailbox and UIDVALIDITY.
struct Difference {
    std::vector<ListedMessage> fresh;    // not in `before`; names are those of `after`
    std::vector<ListedMessage> changed;  // flags or modseq
    std::vector<Uid> vanished;           // not in `after`
};
Difference difference(const MessageList& before, const MessageList& after);

}  // namespace mailhandler::store
