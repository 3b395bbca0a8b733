// What scripts ask about the contents of messages: names of files on standard input, one a line; one
// line of JSON back for each. Octets are told as the code points 0–255.
//
//     {"envelope": "(…)", "body": "(…)", "body_structure": "(…)",
//      "parts": [{"kind", "header", "begin", "end", "lines", "parent", "type"}, …]}
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "imap/body_structure.hpp"
#include "imap/envelope.hpp"
#include "mail/mime.hpp"

using namespace mailhandler;

namespace {

std::string as_text(std::string_view octets) {
    std::string text;
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xC0 | octet >> 6);
            text += static_cast<char>(0x80 | (octet & 0x3F));
        }
    }
    return text;
}

nlohmann::json told(const mail::MimePart& part) {
    return {{"kind", static_cast<int>(part.kind)},
            {"header", part.header_begin},
            {"begin", part.body_begin},
            {"end", part.body_end},
            {"lines", part.lines},
            {"parent", part.parent == mail::no_part ? -1 : static_cast<int>(part.parent)},
            {"type", as_text(part.type.type + '/' + part.type.subtype)}};
}

nlohmann::json told(std::string_view octets) {
    const mail::MimeTree tree = mail::scan_mime(octets);
    nlohmann::json parts = nlohmann::json::array();
    for (const mail::MimePart& part : tree.parts) parts.push_back(told(part));
    const auto header = octets.substr(0, tree.root().body_begin);
    return {{"envelope", as_text(imap::render_envelope(header))},
            {"body", as_text(imap::render_body_structure(tree, octets, false))},
            {"body_structure", as_text(imap::render_body_structure(tree, octets, true))},
            {"parts", parts}};
}

}  // namespace

int main() {
    for (std::string name; std::getline(std::cin, name);) {
        std::ifstream file(name, std::ios::binary);
        const std::string octets((std::istreambuf_iterator<char>(file)), {});
        std::cout << told(octets).dump() << '\n';
    }
}
