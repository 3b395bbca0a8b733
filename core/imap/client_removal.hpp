// Deletion on an IMAP server, and nothing else's: \Deleted is set on exactly the messages named, and
// they are expunged by their UIDs (UIDPLUS, RFC 4315 section 2.1).
//
// Without UIDPLUS there is only EXPUNGE, which takes every \Deleted message of the mailbox with it,
// those included that a person has marked in a mail program and may yet want back. So the server is
// first asked what else is marked (SEARCH DELETED NOT UID …), and only where the answer is nothing
// is EXPUNGE said; else ours stay, marked, and the outcome says why. What another client marks
// between the two commands goes with them: that is the protocol's, and the moment is short.
//
// Pure, fed by ClientSession. Batches, each one line long; with UIDPLUS several are under way.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "imap/client_listing.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::imap {

class ClientRemoval {
  public:
    struct Command {
        enum class Kind { mark, search, expunge } kind = Kind::mark;
        std::string text;  // without tag and CRLF
    };

    // `forbidden`: why nothing can be deleted at all; "" where it can.
    ClientRemoval(std::shared_ptr<const MailboxListing> listing, bool uidplus,
                  std::string forbidden);

    // More messages; those named before are passed over. Throws std::logic_error for one that was
    // not listed.
    void add(const std::vector<std::uint32_t>& indexes);
    bool wanted() const { return !removes_.empty(); }

    // Commands that may go out now, in their order.
    std::vector<Command> commands();
    // What the oldest SEARCH found: `others` are marked beside ours.
    void found(bool others) { others_ = others_ || others; }
    // The oldest command is answered.
    void answered(bool ok, std::string_view words);

    bool done() const { return batches_.empty() && next_ == removes_.size(); }
    void count(wire::Outcomes& outcomes) const;

  private:
    struct Batch {
        std::vector<std::uint32_t> indexes;
        std::string set;
        bool marked = false;
        Command::Kind waiting = Command::Kind::mark;
    };
    void refuse(const Batch& batch, std::string why);

    std::shared_ptr<const MailboxListing> listing_;
    bool uidplus_;
    std::string forbidden_;
    std::vector<std::uint32_t> removes_;
    std::vector<bool> known_;  // by index
    std::size_t next_ = 0;     // of removes_
    std::deque<Batch> batches_;
    bool said_ = false;        // without UIDPLUS: the front batch's command is under way
    bool others_ = false;
    std::vector<std::uint32_t> deleted_;
    std::size_t not_deleted_ = 0;
    std::string why_not_;
};

}  // namespace mailhandler::imap
