// Received octets as whole commands, literals in their places (RFC 9051 sections 2.2.1, 4.3).
//
// A command without literals is one line and is not copied. Where a line announces a literal the
// reader stops and asks what to do: gather it into the command (a mailbox name), hand it out in
// pieces (a message), or throw it away. Nothing is kept that its reader did not ask for: memory is
// bounded by `longest` line + `largest` command, however much is announced or sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "imap/lexer.hpp"
#include "wire/line_buffer.hpp"

namespace mailhandler::imap {

class CommandReader {
  public:
    enum class Event {
        nothing,   // more octets are needed
        command,   // text() is a whole command, or what follows a literal handed out in pieces
        literal,   // text() ends in mark(): call gather(), hand_out(), skip() or forget()
        piece,     // text() is the next part of a literal; literal_left() says what is to come
        skipped,   // a command of which a literal was thrown away is over
        too_long,  // a line or command was too long; where the next one begins is not known
    };

    // Octets of a line, of a command with its gathered literals.
    void limits(std::size_t longest, std::size_t largest);

    void append(std::string_view octets) { lines_.append(octets); }
    // text() is good until the next call of a non-const member.
    Event next();
    std::string_view text() const { return text_; }

    const LiteralMark& mark() const { return mark_; }
    std::uint64_t literal_left() const { return left_; }  // octets
    bool fits() const { return mark_.size <= largest_ - command_.size(); }
    void gather();    // the literal becomes part of the command
    void hand_out();  // it comes in pieces; what stood before it is forgotten
    void skip();      // it and the rest of the command are thrown away
    // What stood before the literal is forgotten, and the literal does not come.
    void forget();

    // One line as it is: for an exchange of SASL, for DONE. nothing, command or too_long.
    Event next_line();
    // A whole command that is here already, without taking it; "" where there is none. Never one
    // with a literal.
    std::string_view peek_line() const;
    bool unfinished() const { return lines_.unfinished() || !command_.empty() || left_ != 0; }
    void clear();

  private:
    enum class Mode { line, gathering, handing_out, skipping };
    Event take_line();
    Event take_literal();
    Event end(Event event, std::string_view text);

    wire::LineBuffer lines_{8190};
    std::size_t largest_ = 8192;
    std::string command_;  // the command so far, where it has literals
    std::string_view text_;
    LiteralMark mark_;
    std::uint64_t left_ = 0;  // of a literal
    Mode mode_ = Mode::line;
    bool skipped_ = false;
    bool held_ = false;  // command_ is text_, until the next event
};

}  // namespace mailhandler::imap
