// The pipelined middle of a round: which messages the next UID FETCH asks for, what came of those
// under way, message text gathered into Pieces. Fed by ClientSession, and pure.
//
// Commands ask for many messages each, and two are under way: while one is answered the next is
// there already. One counts as under way until its messages have come, for its OK may be long in
// coming: Dovecot puts it off while there are other commands. A server that answers NO or BAD because
// of one bad message has that command's others asked for one by one. What OK leaves out is gone. So is
// what Dovecot answers with NIL because somebody removed it meanwhile: it is asked for once more.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/client_listing.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::imap {

class ClientCollection {
  public:
    // Throws std::logic_error where `plan` speaks of messages that were not listed.
    ClientCollection(const wire::Window& window, std::shared_ptr<const MailboxListing> listing,
                     wire::Plan plan);

    // The UIDs that command `tag` asks for, when one more may go out; else "".
    std::string next_set(std::uint64_t tag);
    // What stands behind them: "(UID BODY.PEEK[])".
    std::string_view items() const;
    // Asks for nothing that was not asked for yet. True where something remained.
    bool stop();

    // A FETCH response brings text of a message, `size` octets; the text; the response's end. All
    // but the first may be missing. False: nobody asked for it.
    void begin_body(std::uint64_t size);
    void body(std::string_view octets);
    bool end_body(std::optional<std::uint64_t> uid, bool nil);
    bool in_body() const { return in_body_; }
    // Command `tag` is answered: OK, or with these words.
    void answered(std::uint64_t tag, bool ok, std::string_view words);

    bool full() const;  // enough has been gathered to be handed on
    bool gathered() const { return !pieces_.empty(); }
    std::vector<wire::Piece> take();
    void lost();  // what is not complete never will be
    bool retrieved() const { return orders_.empty() && remaining() == 0; }
    void count(wire::Outcomes& outcomes) const;

  private:
    struct Order {
        std::uint64_t tag = 0;
        std::vector<std::uint32_t> indexes;
        std::size_t left = 0;  // of them that have not come
        bool again = false;    // one that was asked for before
    };
    // Of a message: not asked for, come or given up, or asked for by the command of this tag.
    static constexpr std::uint64_t idle = 0, had = ~0ull;
    std::size_t remaining() const { return plan_.fetch.size() - next_ + alone_.size(); }
    std::uint64_t cost(std::uint32_t index) const;
    wire::Piece& piece();
    void end(std::uint32_t index, wire::Piece::End end, std::string_view words = {});

    wire::Window window_;
    std::shared_ptr<const MailboxListing> listing_;
    wire::Plan plan_;
    std::size_t next_ = 0;              // of plan_.fetch
    std::deque<std::uint32_t> alone_;   // to be asked for one by one
    std::vector<Order> orders_;
    std::vector<std::uint64_t> states_;  // by index

    bool in_body_ = false, too_large_ = false;
    std::uint64_t octets_ = 0;  // of the message under way

    std::vector<wire::Piece> pieces_;
    std::size_t gathered_ = 0;  // octets of pieces_
    std::size_t ended_ = 0;     // pieces_ that end their message
    wire::Outcomes counts_;
};

}  // namespace mailhandler::imap
