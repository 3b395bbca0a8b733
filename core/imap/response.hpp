// How the server's responses are written (RFC 9051 section 7): strings, flags, dates, codes; and
// the queue in which text and message bodies leave.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "imap/question.hpp"
#include "wire/action.hpp"

namespace mailhandler::imap {

void append_number(std::string& text, std::uint64_t number);

// string: quoted where that can be, else a literal. `utf8`: 8-bit octets may be quoted (RFC 6855).
void append_string(std::string& text, std::string_view octets, bool utf8 = false);
// An atom where it can be one, else a string.
void append_astring(std::string& text, std::string_view octets, bool utf8 = false);

// A mailbox's name as this client reads it: UTF-8, or modified UTF-7.
void append_mailbox(std::string& text, std::string_view name, bool utf8);

// "(\Seen \Flagged work)"
void append_flags(std::string& text, Flags flags, const std::vector<std::string>& keywords,
                  bool recent = false);

// "\"17-Jul-1996 02:44:25 +0000\"" from seconds since 1970.
void append_date_time(std::string& text, std::int64_t seconds);

// "[TRYCREATE] " or "".
std::string code_text(const Verdict& verdict);

// What leaves, in order.
class Output {
  public:
    std::string& text() { return text_; }
    void body(wire::SendBody body);

    bool empty() const { return parts_.empty() && text_.empty(); }
    bool has_body() const { return !parts_.empty(); }
    std::size_t size() const { return text_.size(); }  // octets of text behind the last body
    // The next Send or SendBody; not when empty.
    Action take();

  private:
    struct Part {
        std::string text;
        wire::SendBody body;
    };
    std::deque<Part> parts_;
    std::string text_;
};

}  // namespace mailhandler::imap
