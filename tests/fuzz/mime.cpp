// Any octets as a message: parts lie inside each other and in order, however the octets are cut into
// blocks, and what IMAP would say of them is well-formed.
#include "fuzz/require.hpp"
#include "mail/mime.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "imap/body_structure.hpp"
#include "imap/envelope.hpp"

using namespace mailhandler;

namespace {

void tree_holds(const mail::MimeTree& tree, std::string_view octets) {
    for (std::uint32_t i = 0; i < tree.parts.size(); ++i) {
        const mail::MimePart& part = tree[i];
        require(part.header_begin <= part.body_begin && part.body_begin <= part.body_end);
        require(part.body_end <= octets.size());
        const auto body = octets.substr(part.body_begin, part.size());
        require(part.lines == static_cast<std::uint64_t>(std::count(body.begin(), body.end(), '\n')));
        require((part.kind == mail::PartKind::message) <= (part.first_child != mail::no_part));
        require(part.kind != mail::PartKind::leaf || part.first_child == mail::no_part);
        std::uint64_t at = part.body_begin;
        for (auto child = part.first_child; child != mail::no_part; child = tree[child].next) {
            require(child > i && tree[child].parent == i && tree[child].header_begin >= at);
            at = tree[child].body_end;
        }
        require(at <= part.body_end);
    }
}

// Parentheses, quoted strings and literals come out even.
void well_formed(std::string_view text) {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        require(static_cast<unsigned char>(c) < 0x80 && c != '\r' && c != '\n' && c != '\0');
        if (c == '(') {
            ++depth;
        } else if (c == ')') {
            require(depth-- > 0);
        } else if (c == '"') {
            for (++i; require(i < text.size()), text[i] != '"'; ++i) i += text[i] == '\\';
        } else if (c == '{') {
            const std::size_t end = text.find("}\r\n", i);
            require(end != text.npos);
            i = end + 2 + std::stoul(std::string(text.substr(i + 1, end - i - 1)));
            require(i < text.size());
        }
    }
    require(depth == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view octets(reinterpret_cast<const char*>(data), size);
    // Limits low enough to be met.
    const mail::MimeLimits limits{.depth = 8, .parts = 40, .field = 500, .text = 4000};
    const mail::MimeTree tree = mail::scan_mime(octets, limits);
    tree_holds(tree, octets);
    const std::string whole = imap::render_body_structure(tree, octets, true);
    well_formed(whole);
    well_formed(imap::render_body_structure(tree, octets, false));
    well_formed(imap::render_envelope(octets));
    mail::MimeScan scan(limits);
    for (std::size_t at = 0, block = 1; at < size; at += block, block = block % 7 + 1)
        scan.feed(octets.substr(at, block));
    require(imap::render_body_structure(scan.finish(), octets, true) == whole);
    return 0;
}
