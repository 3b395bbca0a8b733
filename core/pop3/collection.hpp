// The pipelined middle of a run: RETR and DELE as far as the window allows, their responses in the
// order of the commands, message text gathered into Pieces. Fed by ClientSession, and pure.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pop3/client_question.hpp"
#include "pop3/response.hpp"
#include "wire/dot_stream.hpp"

namespace mailhandler::pop3 {

class Collection {
  public:
    // `pipelined`: false keeps one command under way. Throws std::logic_error where `plan` speaks
    // of messages that were not listed.
    Collection(const Window& window, std::shared_ptr<const Listing> listing, Plan plan,
               bool pipelined);

    // Commands that may go out now, with CRLF; empty while the window is full.
    std::string commands();
    // More messages that may be deleted; those named before are passed over.
    void remove(const std::vector<std::uint32_t>& indexes);
    // Retrieves nothing that was not asked for yet. True where something remained.
    bool stop();

    bool removing() const { return !removes_.empty(); }  // something is to be deleted
    bool idle() const { return flights_.empty(); }  // no response is due
    bool in_message() const { return in_message_; }
    // The line that answers the oldest command. False: it is not a response.
    bool respond(std::string_view line);
    // Message text; returns how many octets belonged to it.
    std::size_t receive(std::string_view octets);

    // Enough has been gathered to be handed on.
    bool full() const;
    bool gathered() const { return !pieces_.empty(); }
    // Everything gathered. After `lost`, without a message that will never be complete.
    std::vector<Piece> take();
    void lost();

    bool retrieved() const;  // every message planned has come, or was refused
    bool removed() const { return idle() && next_remove_ == removes_.size(); }

    // What it adds to the outcomes.
    void count(Outcomes& outcomes) const;
    const std::vector<std::uint32_t>& marked() const { return marked_; }  // DELE was +OK

  private:
    struct Flight {
        std::uint32_t index = 0;
        bool retrieve = false;
    };
    std::uint64_t cost(std::uint32_t index) const;
    void begin_message();
    void end_message();
    Piece& piece();

    Window window_;
    std::shared_ptr<const Listing> listing_;
    Plan plan_;
    bool pipelined_;
    std::size_t next_fetch_ = 0;
    std::vector<std::uint32_t> removes_;
    std::size_t next_remove_ = 0;
    std::vector<bool> remove_known_;  // by index

    std::deque<Flight> flights_;
    std::size_t retrieving_ = 0;  // of flights_
    std::uint64_t retrieving_octets_ = 0;

    bool in_message_ = false;
    wire::DotDecoder decoder_;
    std::uint64_t message_octets_ = 0;
    bool too_large_ = false;

    std::vector<Piece> pieces_;
    std::size_t gathered_ = 0;  // octets of pieces_
    std::size_t ended_ = 0;     // pieces_ that end their message
    Outcomes counts_;
    std::vector<std::uint32_t> marked_;
};

}  // namespace mailhandler::pop3
