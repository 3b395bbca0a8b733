// The parts of a message as offsets (RFC 2045, RFC 2046): where each part's header and body lie,
// octet for octet, and what its Content- fields say.
//
// Whatever IMAP says about contents comes from this one pass: BODYSTRUCTURE, every BODY[section],
// BINARY, the text that SEARCH looks into. The scanner is fed blocks of any size, so a message of
// 200 MB is scanned without being held; it keeps no octets but those of the Content- fields. Lines
// end in CRLF or LF, offsets are into what was fed: a caller that serves an LF file as CRLF feeds
// it as CRLF. It never fails: whatever is not MIME is one part of text.
//
// Limits (bad input: deep nesting, millions of parts, endless fields): past `depth` or `parts`, or
// once `text` octets of fields are kept, a part is opaque: a leaf whatever its type says, that ends
// where the multipart around it ends. Memory is bounded by them, time is linear.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mail/content_fields.hpp"

namespace mailhandler::mail {

struct MimeLimits {
    std::size_t depth = 100;
    std::size_t parts = 10'000;
    std::size_t field = 64 * 1024;     // octets of one field that are looked at
    std::size_t text = 2 * 1024 * 1024;  // octets of fields kept for the whole message
};

constexpr std::uint32_t no_part = UINT32_MAX;

enum class PartKind : std::uint8_t {
    leaf,
    multipart,  // has children, in order; none when it has no boundary, or that never occurs
    message,    // message/rfc822, message/global: its one child is the message inside
};

struct MimePart {
    // Offsets in octets. The header ends with its empty line, where the body begins; the line end
    // before a delimiter belongs to the delimiter, not to the body (RFC 2046 section 5.1.1).
    std::uint64_t header_begin = 0, body_begin = 0, body_end = 0;
    std::uint64_t lines = 0;  // line ends in the body
    std::uint32_t parent = no_part, first_child = no_part, next = no_part;
    PartKind kind = PartKind::leaf;
    bool opaque = false;  // a limit was reached: not looked into

    // As the fields say, or the default: text/plain; charset=us-ascii (RFC 2045 section 5.2), in a
    // multipart/digest message/rfc822.
    // Of a field that occurs twice the first counts. Empty: there was none.
    ContentType type;
    Disposition disposition;
    std::string encoding, id, description, location, md5;
    std::vector<std::string> language;

    std::uint64_t header_size() const { return body_begin - header_begin; }
    std::uint64_t size() const { return body_end - body_begin; }  // of the body, still encoded
};

// All parts, each before those inside it; the first is the message itself.
struct MimeTree {
    std::vector<MimePart> parts;

    const MimePart& root() const { return parts.front(); }
    const MimePart& operator[](std::uint32_t index) const { return parts[index]; }

    // The part an IMAP section number names (RFC 9051 section 6.4.5.1): {1,2} is the second part of
    // the first. A message that is no multipart has one part, {1}: itself. {} is the message.
    // no_part where there is no such part.
    std::uint32_t find(std::span<const std::uint32_t> numbers) const;
};

class MimeScan {
  public:
    explicit MimeScan(MimeLimits limits = {});

    // The next octets of the message.
    void feed(std::string_view octets);
    // There are no more. Call once.
    MimeTree finish();

  private:
    struct Open {
        std::uint32_t part;
        std::uint64_t first_line = 0;  // lines of the message before its body
        std::uint32_t last_child = no_part;
        std::string boundary;  // while its delimiters are looked for
    };

    void text_only(std::string_view octets);
    void divided_line(std::string_view piece, bool whole);
    void line(std::string_view text, std::uint64_t size);
    void header_line(std::string_view text, std::uint64_t body_begin);
    bool delimiter(std::string_view text, std::uint64_t size);
    void end_field();
    void end_header(std::uint64_t body_begin, std::uint64_t first_line);
    void begin_part(std::uint64_t header_begin);
    void close_above(std::size_t keep);
    void cut_header();
    void settle_type(MimePart& part);
    void end_boundary(Open& open);
    bool full() const;
    MimePart& current() { return tree_.parts[open_.back().part]; }

    MimeLimits limits_;
    MimeTree tree_;
    std::vector<Open> open_;     // from the message down to the part that the scan is in
    std::size_t boundaries_ = 0;  // of open_ that have one
    bool in_header_ = true;
    std::uint64_t position_ = 0;  // of the line's first octet
    std::uint64_t lines_ = 0;     // before it
    unsigned end_before_ = 0;     // octets of the line end before it
    unsigned end_ = 0;            // … and of its own
    std::size_t text_ = 0;        // octets of fields kept
    std::string field_;           // the Content- field that is being read, unparsed
    std::string kept_;            // the beginning of a line that a block divided
    std::uint64_t kept_size_ = 0;  // all its octets so far
    char kept_last_ = '\0';        // … the last of them
};

// A message in memory.
MimeTree scan_mime(std::string_view octets, MimeLimits limits = {});

}  // namespace mailhandler::mail
