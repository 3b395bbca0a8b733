// Where BODY[section] lies in a message (RFC 9051 section 6.4.5.1). Pure: offsets in, offsets out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "imap/message_question.hpp"
#include "mail/mime.hpp"

namespace mailhandler::imap {

struct Range {
    std::uint64_t begin = 0, end = 0;
    std::uint64_t size() const { return end - begin; }
    bool operator==(const Range&) const = default;
};

// True where the header of the message, and how long that and the message are, tell the section:
// no tree of parts is needed.
bool needs_tree(const Section& section);

// Of what the section names; of a selection of fields, the header they are selected from; of
// BINARY, the encoded octets. Nothing where the message has no such part. `tree` need hold no more
// than its root where needs_tree() says so.
std::optional<Range> locate(const Section& section, const mail::MimeTree& tree);

// HEADER.FIELDS and HEADER.FIELDS.NOT: the fields of `header` that are selected, each whole and as
// it stands, and the empty line, where the header has one.
std::string selected_fields(std::string_view header, const Section& section);

// The transfer encoding that BINARY[part] is to undo: that of the part. Of a whole message and of
// what holds other parts there is none.
std::string_view encoding_of(const Section& section, const mail::MimeTree& tree);

}  // namespace mailhandler::imap
