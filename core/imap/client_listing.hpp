// What an IMAP mailbox holds, as its server lists it: UID FETCH n:* (UID RFC822.SIZE). A response
// that is not understood costs its own message only. In the server's order, which is that of UIDs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/uid_set.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::imap {

class MailboxListing final : public wire::Listing {
  public:
    // `from`: the least UID asked for; from 1 on it is the whole mailbox.
    MailboxListing(std::string mailbox, std::uint32_t validity, Uid from, std::size_t limit)
        : mailbox_(std::move(mailbox)), validity_(validity), from_(from), limit_(limit) {}

    // One response. False: the limit is passed. "n:*" gives the last message where n is beyond it
    // (RFC 3501 section 9): below `from` is passed over.
    bool add(std::uint32_t number, Uid uid, std::uint64_t size);
    void misunderstood(std::string_view line);
    // All have come; `exists`: messages the server says there are.
    void complete(std::size_t exists);

    std::size_t count() const override { return entries_.size(); }
    std::uint64_t number(std::size_t index) const override { return entries_[index].number; }
    std::uint64_t size(std::size_t index) const override { return entries_[index].size; }
    std::string uid(std::size_t index) const override {
        return std::to_string(entries_[index].uid);
    }
    std::string mailbox() const override { return mailbox_; }
    std::uint64_t validity() const override { return validity_; }
    bool well_formed() const override { return whole_ && misunderstood_ == 0; }
    std::size_t misunderstood() const override { return misunderstood_; }
    const std::vector<std::string>& complaints() const override { return complaints_; }
    const std::vector<std::uint32_t>& repeated() const override { return none_; }

    Uid uid_at(std::size_t index) const { return entries_[index].uid; }
    std::optional<std::uint32_t> find(Uid uid) const;
    // The least UID that a message not listed yet can have.
    Uid next() const { return std::max(from_, entries_.empty() ? 1 : entries_.back().uid + 1); }
    // "n:m" of neighbours in it is a range that holds nothing else.
    bool dense() const { return misunderstood_ == 0; }

  private:
    struct Entry {
        std::uint32_t number = 0;
        Uid uid = 0;
        std::uint64_t size = 0;
    };
    std::string mailbox_;
    std::uint32_t validity_;
    Uid from_;
    std::size_t limit_, lines_ = 0;
    bool whole_ = false;
    std::vector<Entry> entries_;
    std::size_t misunderstood_ = 0;
    std::vector<std::string> complaints_;
    std::vector<std::uint32_t> none_;
};

// UIDs of entries as sets for commands, each short enough for a line.
class UidSets {
  public:
    static constexpr std::size_t longest = 4000;  // octets; RFC 7162 section 4 counts on 8192 a line

    UidSets(const MailboxListing& listing) : listing_(listing) {}
    // Adds an entry. False: the set is full, take() it first.
    bool add(std::uint32_t index);
    bool empty() const { return indexes_.empty(); }
    std::string text() const;
    std::vector<std::uint32_t> take();

  private:
    const MailboxListing& listing_;
    std::vector<std::uint32_t> indexes_;
    std::string text_;          // without the last range
    Uid first_ = 0, last_ = 0;  // the last range
};

}  // namespace mailhandler::imap
