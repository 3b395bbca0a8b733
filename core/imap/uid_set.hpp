// Sets of UIDs (or of sequence numbers) as ascending ranges: what IMAP writes as "1:3,7,9:*".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::imap {

// RFC 9051 section 2.3.1.1: strictly ascending in a mailbox, never 0, never used again.
using Uid = std::uint32_t;

struct UidRange {
    Uid first = 0, last = 0;  // both included, first <= last
    bool operator==(const UidRange&) const = default;
};

// A value. Its ranges are ascending, do not overlap and do not touch.
class UidSet {
  public:
    UidSet() = default;

    // In any order; constant time when behind everything that is there.
    void add(Uid uid) { add(uid, uid); }
    void add(Uid first, Uid last);

    bool empty() const { return ranges_.empty(); }
    bool contains(Uid uid) const;                        // logarithmic
    std::uint64_t count() const;                         // of numbers, not of ranges
    Uid first() const { return ranges_.front().first; }  // of a set that is not empty
    Uid last() const { return ranges_.back().last; }
    const std::vector<UidRange>& ranges() const { return ranges_; }

    // "1:3,7"; "" when empty.
    std::string text() const;
    void append_to(std::string& text) const;

    // sequence-set = (seq-number / seq-range) ["," sequence-set]   (RFC 9051 section 9)
    // `star` is what "*" stands for; 0: there is nothing, and "*" is the greatest number there
    // could be. At most `most` ranges; nothing when malformed.
    static std::optional<UidSet> parse(std::string_view text, Uid star, std::size_t most = 20'000);

    bool operator==(const UidSet&) const = default;

  private:
    std::vector<UidRange> ranges_;
};

}  // namespace mailhandler::imap
