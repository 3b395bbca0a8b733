// The selected mailbox as one client sees it: which message stands at which sequence number, with
// its flags and modseq, and what has changed but may not be told yet.
//
// RFC 9051 section 7.5.1: a sequence number changes only where the client expects it. So what
// vanished keeps its number until announce() is allowed to say so, and fresh messages have none
// before.
//
// 16 octets a message; lookups are logarithmic; sets stay ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/selection_question.hpp"

namespace mailhandler::imap {

class View {
  public:
    explicit View(Selected selected, bool read_only);

    // How much of each this client is told.
    struct Style {
        bool modseq = false;    // CONDSTORE is on
        bool vanished = false;  // QRESYNC is on: VANISHED instead of EXPUNGE
        bool recent = true;     // IMAP4rev1: \Recent exists
    };

    bool read_only() const { return read_only_; }
    std::uint32_t uid_validity() const { return uid_validity_; }
    Uid uid_next() const { return uid_next_; }
    ModSeq highest_modseq() const { return highest_modseq_; }
    const std::vector<std::string>& keywords() const { return keywords_; }
    // The flag of a keyword; 0 when the mailbox does not have it.
    Flags keyword(std::string_view name) const;

    // Messages the client has been told of; message i has the sequence number i + 1.
    std::size_t count() const { return told_; }
    const Message& operator[](std::size_t index) const { return messages_[index]; }
    std::optional<std::size_t> find(Uid uid) const;
    bool recent(Uid uid) const { return recent_.contains(uid); }
    std::size_t recent_count() const;
    const UidSet& recent() const { return recent_; }

    // Sequence sets as UIDs; nothing when malformed or beyond the last message. Each range of the
    // result begins and ends with a message's UID.
    std::optional<UidSet> numbers(std::string_view text) const;
    // Sets of UIDs, without those that the client does not know.
    std::optional<UidSet> uids(std::string_view text) const;
    UidSet known(const UidSet& set) const;

    // Takes note of what has changed. Of messages in `silent` the client knows it already.
    void apply(Changes changes, const UidSet* silent = nullptr);
    // The flags of these messages are to be told, changed or not.
    void touch(const UidSet& uids);
    bool gone() const { return gone_; }
    // While something that vanished is still to be told: the modseq of before. Else 0.
    ModSeq before_vanished() const { return before_vanished_; }

    // Appends what the client has not been told: keywords, then (where `expunges` are allowed)
    // what vanished, then how many there are, then flags. False: stopped after `most` octets, there
    // is more.
    bool announce(std::string& text, const Style& style, bool expunges,
                  std::size_t most = SIZE_MAX);
    // "* FLAGS (…)" and "* OK [PERMANENTFLAGS (…)] …".
    void append_flag_lists(std::string& text) const;
    // "* 3 FETCH (UID 7 FLAGS (…) MODSEQ (9))"
    void append_flags_of(std::string& text, std::size_t index, const Style& style) const;

    // Goes through the messages of a set in order, whatever is added in the meantime.
    class Walk {
      public:
        explicit Walk(UidSet set) : set_(std::move(set)) {}
        std::optional<std::size_t> next(const View& view);

      private:
        UidSet set_;
        std::size_t range_ = 0;
        Uid from_ = 0;
    };

  private:
    std::size_t lower(Uid uid) const;  // the first told message with this UID or above
    void add_recent(Uid first);        // up to the last message there is
    void announce_vanished(std::string& text, const Style& style);

    std::vector<Message> messages_;  // behind told_: fresh ones
    std::size_t told_ = 0;
    std::vector<std::string> keywords_;
    std::uint32_t uid_validity_;
    Uid uid_next_;
    ModSeq highest_modseq_;
    UidSet recent_;
    UidSet dirty_;     // flags to be told
    UidSet vanished_;  // to be told
    ModSeq before_vanished_ = 0;
    bool read_only_;
    bool keywords_told_ = true;
    bool gone_ = false;
};

}  // namespace mailhandler::imap
