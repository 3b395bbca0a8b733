// One FETCH response (RFC 3501 section 7.4.2), read as it comes: its lines are cut by literals, and
// the largest of those is the message itself, which is never gathered here.
//
//     read(line) → body:    as many octets as literal() says follow, and they are the message's
//                → literal: … and they mean nothing to us
//                → done:    the response is complete
//                → bad:     it is not what RFC 3501 says
//
// and after a literal read() of the line that goes on. Items nobody asked for are passed over,
// however deep they are nested; nothing here grows with what comes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::imap {

class FetchReader {
  public:
    enum class Part { done, literal, body, bad };

    // `line` is what stands behind "* 12 FETCH ", later the whole line, each without CRLF.
    Part read(std::string_view line);

    std::uint64_t literal() const { return literal_; }

    // What it said, once done.
    std::optional<std::uint64_t> uid, size;
    bool has_body = false;        // it has BODY[…], as a literal or below
    bool nil_body = false;        // … and there is none
    std::string quoted_body;      // … in quotes

  private:
    enum class Want { list, key, value, nothing };
    enum class Key { other, uid, size, body };
    bool read_key(std::string_view& rest);
    bool read_value(std::string_view& rest);
    bool read_quoted(std::string_view& rest);
    bool take_atom(std::string_view atom);

    Want want_ = Want::list;
    Key key_ = Key::other;
    std::uint64_t depth_ = 0;  // of parentheses within a value
    std::uint64_t literal_ = 0;
    bool at_literal_ = false;
};

}  // namespace mailhandler::imap
