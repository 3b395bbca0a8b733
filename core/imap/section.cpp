#include "imap/section.hpp"

#include <algorithm>

#include "mail/header.hpp"

namespace mailhandler::imap {

namespace {

using What = Section::What;

// The message that HEADER and TEXT of a part number speak of: RFC 9051 allows them for
// message/rfc822 parts only.
std::uint32_t message_of(const Section& section, const mail::MimeTree& tree) {
    if (section.part.empty()) return 0;
    const std::uint32_t part = tree.find(section.part);
    if (part == mail::no_part || tree[part].kind != mail::PartKind::message) return mail::no_part;
    return tree[part].first_child;
}

bool is_selected(const mail::Field& field, const Section& section) {
    const bool named = std::any_of(section.fields.begin(), section.fields.end(),
                                   [&](const std::string& name) { return field.is(name); });
    return named == (section.what == What::header_fields);
}

}  // namespace

bool needs_tree(const Section& section) { return !section.part.empty(); }

std::optional<Range> locate(const Section& section, const mail::MimeTree& tree) {
    switch (section.what) {
        case What::all:
        case What::binary:
        case What::binary_size:
        case What::mime: {
            const std::uint32_t part = tree.find(section.part);
            if (part == mail::no_part) return std::nullopt;
            if (section.what == What::mime) return Range{tree[part].header_begin, tree[part].body_begin};
            const auto begin = section.part.empty() ? tree[part].header_begin : tree[part].body_begin;
            return Range{begin, tree[part].body_end};
        }
        case What::header:
        case What::header_fields:
        case What::header_fields_not:
        case What::text: {
            const std::uint32_t message = message_of(section, tree);
            if (message == mail::no_part) return std::nullopt;
            const mail::MimePart& part = tree[message];
            if (section.what == What::text) return Range{part.body_begin, part.body_end};
            return Range{part.header_begin, part.body_begin};
        }
    }
    return std::nullopt;
}

std::string selected_fields(std::string_view header, const Section& section) {
    std::string text;
    mail::HeaderScan scan(header);
    while (const auto field = scan.next())
        if (is_selected(*field, section)) text += field->raw;
    if (scan.complete()) text += "\r\n";
    return text;
}

std::string_view encoding_of(const Section& section, const mail::MimeTree& tree) {
    const std::uint32_t part = tree.find(section.part);
    if (section.part.empty() || part == mail::no_part) return {};
    if (tree[part].kind != mail::PartKind::leaf) return {};
    return tree[part].encoding;
}

}  // namespace mailhandler::imap
