#include "mail/dsn_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mailhandler::mail {

namespace {

constexpr std::size_t longest_line = 998;   // octets, RFC 2045 section 2.7
constexpr std::size_t longest_quoted = 76;  // with the soft line break
constexpr std::size_t longest_value = 900;

bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }
unsigned octet(char c) { return static_cast<unsigned char>(c); }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void append_quoted(std::string& out, std::string_view line) {
    std::size_t column = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        const bool last = i + 1 == line.size();
        const bool plain =
            (is_printable(c) && c != '=' && !(c == ' ' && last)) || (c == '\t' && !last);
        const std::size_t width = plain ? 1 : 3;
        if (column + width > longest_quoted - (last ? 0 : 1)) {
            out += "=\r\n";
            column = 0;
        }
        if (plain)
            out += c;
        else
            out += fmt::format("={:02X}", octet(c));
        column += width;
    }
    out += "\r\n";
}

}  // namespace

std::optional<char32_t> take_code_point(std::string_view& text) {
    if (text.empty()) return {};
    const unsigned first = octet(text.front());
    std::size_t size = 1;
    char32_t code = first;
    if (first >= 0x80) {
        size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
        code = first & (0xffU >> (size + 1));
        for (std::size_t i = 1; i < size; ++i) {
            if ((octet(text[i]) & 0xc0) != 0x80) return {};
            code = code << 6 | (octet(text[i]) & 0x3f);
        }
        const char32_t least = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
    }
    text.remove_prefix(size);
    return code;
}

bool is_utf8(std::string_view text) {
    while (!text.empty())
        if (!take_code_point(text)) return false;
    return true;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return octet(c) < 0x80; });
}

bool is_seven_bit(std::string_view text) {
    std::size_t line = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (octet(c) >= 0x80 || c == '\0') return false;
        if (c == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
        line = c == '\n' ? 0 : line + 1;
        if (line > longest_line) return false;
    }
    return true;
}

std::string quoted_printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        append_quoted(out, line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::string clean(std::string_view text, bool utf8) {
    std::string out;
    while (!text.empty() && out.size() < longest_value) {
        const std::string_view before = text;
        const auto code = take_code_point(text);
        if (!code) text.remove_prefix(1);
        if (code && *code >= 0x80 && utf8)
            out += before.substr(0, before.size() - text.size());
        else if (is_printable(before.front()))
            out += before.front();
        else
            out += before.front() == '\t' || before.front() == '\n' ? ' ' : '?';
    }
    return out;
}

std::string embedded(std::string_view address) {
    std::string out;
    while (const auto code = take_code_point(address)) {
        const bool quchar =
            *code > 0x20 && *code < 0x7f && *code != '\\' && *code != '+' && *code != '=';
        if (quchar)
            out += static_cast<char>(*code);
        else
            out += fmt::format("\\x{{{:02X}}}", static_cast<std::uint32_t>(*code));
    }
    return out;
}

std::string xtext_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '+' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
        if (low < 0) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string wrapped(std::string_view text, std::string_view indent) {
    constexpr std::size_t width = 76;
    std::string out, line;
    const auto end_line = [&] {
        if (!line.empty()) out.append(indent).append(line).append("\r\n");
        line.clear();
    };
    while (!text.empty()) {
        const std::size_t begin = text.find_first_not_of(" \t\r\n");
        if (begin == text.npos) break;
        text.remove_prefix(begin);
        const std::string_view word = text.substr(0, text.find_first_of(" \t\r\n"));
        text.remove_prefix(word.size());
        if (!line.empty() && indent.size() + line.size() + 1 + word.size() > width) end_line();
        if (!line.empty()) line += ' ';
        line += word;
    }
    end_line();
    return out;
}

}  // namespace mailhandler::mail
