// The header of a message, read where it lies: views into the octets, no copies.
//
// Used for stamping, for the office's trusted block, for bounces. Lines end in LF or CRLF; a bare
// CR ends nothing. It never fails: a line that is no field is passed over, and the header ends at
// the empty line or with the octets. One pass, linear whatever the lines look like: ten megabytes
// in one field and a million fields cost the same.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::mail {

// One field, RFC 5322 section 2.2.
struct Field {
    std::string_view name;  // as spelt, without the space that old mailers put before the colon
    std::string_view body;  // after the colon, still folded, without the last line end
    std::string_view raw;   // the whole of it, with its line ends
    bool is(std::string_view other) const;  // the name, whatever its case
    std::string value() const;              // unfolded and trimmed
};

// Walks the fields of a header, top to bottom.
//
//     HeaderScan scan(octets);
//     while (auto field = scan.next()) …
class HeaderScan {
  public:
    explicit HeaderScan(std::string_view octets) : octets_(octets) {}

    // The next field; nothing at the end of the header.
    std::optional<Field> next();

    // Octets of the header that next() has passed; at the end, the size of the header with its
    // empty line. A field that the octets' end may have cut short has been passed too.
    std::size_t position() const { return position_; }
    // True when the empty line was met: what follows position() is the body.
    bool complete() const { return complete_; }

  private:
    std::size_t line_end(std::size_t from) const;

    std::string_view octets_;
    std::size_t position_ = 0;
    bool complete_ = false;
};

// True when `octets` begin with a header: a field, or an mbox `From ` line before one, or the empty
// line. False for a message that is all body.
bool begins_with_header(std::string_view octets);

// True for a message that is all body, or whose first line would fold into a line written above it:
// an empty line has to stand between.
bool joins_lines_above(std::string_view octets);

// The first field of this name (any case), or nothing.
std::optional<Field> find_field(std::string_view octets, std::string_view name);

// How many fields have this name.
std::size_t count_fields(std::string_view octets, std::string_view name);

// RFC 5322 section 2.2.3: line ends before white space go; what is left is trimmed. NUL and bare CR
// become spaces.
std::string unfold(std::string_view body);

// Equal as ASCII whatever the case.
bool same_name(std::string_view a, std::string_view b);

}  // namespace mailhandler::mail
