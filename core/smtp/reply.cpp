#include "smtp/reply.hpp"

#include <algorithm>
#include <charconv>

namespace mailhandler::smtp {

namespace {

constexpr std::size_t longest_line = 510;  // RFC 5321 section 4.5.3.1.5, without CRLF

// `text` cut to `room` octets, not inside a UTF-8 sequence.
std::string_view cut(std::string_view text, std::size_t room) {
    if (text.size() <= room) return text;
    while (room > 0 && (static_cast<unsigned char>(text[room]) & 0xc0) == 0x80) --room;
    return text.substr(0, room);
}

void write_line(std::string& into, const Reply& reply, std::string_view text, bool last) {
    const std::size_t start = into.size();
    char code[8];
    const auto end = std::to_chars(code, code + sizeof code, reply.code).ptr;
    into.append(code, end).push_back(last ? ' ' : '-');
    if (!reply.enhanced.empty()) {
        into.append(reply.enhanced);
        if (!text.empty()) into.push_back(' ');
    }
    const std::size_t from = into.size();
    into.append(cut(text, longest_line - (from - start)));
    std::replace_if(
        into.begin() + static_cast<std::ptrdiff_t>(from), into.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    into.append("\r\n");
}

}  // namespace

void write(std::string& into, const Reply& reply) {
    std::string_view rest = reply.text;
    for (;;) {
        const std::size_t lf = rest.find('\n');
        if (lf == std::string_view::npos) break;
        write_line(into, reply, rest.substr(0, lf), false);
        rest.remove_prefix(lf + 1);
    }
    write_line(into, reply, rest, true);
}

}  // namespace mailhandler::smtp
