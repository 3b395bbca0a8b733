// Received octets, handed out as lines: the inbox of every line-based session.
//
// append() what came, then call next() until it gives nothing; only then is it right to wait for
// more. Octets that are not lines (message content, literals) are taken through pending() and
// consume(). Every octet is looked at once, however small the pieces are in which they arrive.
//
// Memory: what was appended and not yet taken. Once next() has given nothing, an unfinished line
// holds at most `longest` + 1 octets: the rest of an over-long line is thrown away as it comes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::wire {

// One line without its end. The view is good until the next call of a non-const member.
struct Line {
    std::string_view text;  // empty when too_long
    bool crlf = true;       // false: it ended in a bare LF; what to do is the protocol's decision
    bool too_long = false;  // it had more than `longest` octets, which are gone
};

class LineBuffer {
  public:
    // `longest`: octets of the longest line that is accepted, without its end.
    explicit LineBuffer(std::size_t longest = 4096) : longest_(longest) {}

    void append(std::string_view octets);
    // Another bound from here on: a login may widen it.
    void set_longest(std::size_t octets) { longest_ = octets; }

    // The next line up to LF (CRLF, or a bare one), or nothing while it is unfinished. A CR
    // elsewhere than before LF is part of the text, and so is NUL.
    std::optional<Line> next();

    // Everything not yet taken, and taking `count` octets of it. The view is good until the next
    // non-const call.
    std::string_view pending() const { return std::string_view(octets_).substr(head_); }
    void consume(std::size_t count);

    bool empty() const { return head_ == octets_.size(); }
    // Part of a line is here, or of one that is being thrown away: the peer is in mid-line.
    bool unfinished() const { return skipping_ || !empty(); }
    // Throws everything away: what stood behind STARTTLS (RFC 3207 section 4.2).
    void clear();

  private:
    void compact();

    std::string octets_;
    std::size_t head_ = 0;     // the first octet not yet taken
    std::size_t scanned_ = 0;  // no LF between head_ and here
    std::size_t longest_;
    bool skipping_ = false;  // inside an over-long line
};

}  // namespace mailhandler::wire
