#include "mail/modified_utf7.hpp"

#include <cstdint>

namespace mailhandler::mail {

namespace {

constexpr std::string_view base64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

// The code point at `text[at]`, moving `at` behind it; nothing where it is malformed.
std::optional<char32_t> take_point(std::string_view text, std::size_t& at) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = octet(at++);
    if (first < 0x80) return first;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || text.size() - at < static_cast<std::size_t>(more))
        return std::nullopt;
    char32_t point = first & (0x3f >> more);
    for (int i = 0; i < more; ++i, ++at) {
        if ((octet(at) & 0xc0) != 0x80) return std::nullopt;
        point = point << 6 | (octet(at) & 0x3f);
    }
    constexpr char32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return std::nullopt;
    return point;
}

void append_point(std::string& text, char32_t point) {
    const auto add = [&](char32_t octet) { text += static_cast<char>(octet); };
    if (point < 0x80) return add(point);
    if (point < 0x800) {
        add(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            add(0xe0 | point >> 12);
        } else {
            add(0xf0 | point >> 18);
            add(0x80 | (point >> 12 & 0x3f));
        }
        add(0x80 | (point >> 6 & 0x3f));
    }
    add(0x80 | (point & 0x3f));
}

bool stands_for_itself(char32_t point) { return point >= 0x20 && point <= 0x7e; }

// UTF-16 in base64 without padding: what stands between "&" and "-".
struct Shifted {
    std::string& text;
    std::uint32_t bits = 0;
    int count = 0;

    void unit(std::uint32_t unit) {
        bits = bits << 16 | unit;
        for (count += 16; count >= 6; count -= 6) text += base64[bits >> (count - 6) & 0x3f];
    }
    void point(char32_t point) {
        if (point < 0x10000) return unit(point);
        unit(0xd800 + ((point - 0x10000) >> 10));
        unit(0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    void end() {
        if (count > 0) text += base64[bits << (6 - count) & 0x3f];
        text += '-';
    }
};

// What `base64` (between "&" and "-") stands for, appended as UTF-8.
bool unshift(std::string_view text, std::string& into) {
    std::uint32_t bits = 0, high = 0;
    int count = 0;
    for (const char c : text) {
        const std::size_t value = base64.find(c);
        if (value == base64.npos) return false;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if ((count += 6) < 16) continue;
        count -= 16;
        const std::uint32_t unit = bits >> count & 0xffff;
        const bool low = unit >= 0xdc00 && unit <= 0xdfff;
        if (low != (high != 0)) return false;
        if (unit >= 0xd800 && unit <= 0xdbff) {
            high = unit;
            continue;
        }
        append_point(into, low ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : unit);
        high = 0;
    }
    return high == 0;
}

}  // namespace

bool well_formed_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();)
        if (!take_point(text, at)) return false;
    return true;
}

std::string to_modified_utf7(std::string_view utf8) {
    std::string text;
    for (std::size_t at = 0; at < utf8.size();) {
        const unsigned char octet = static_cast<unsigned char>(utf8[at]);
        if (stands_for_itself(octet)) {
            text += utf8[at++];
            if (octet == '&') text += '-';
            continue;
        }
        text += '&';
        Shifted shifted{text};
        while (at < utf8.size() && !stands_for_itself(static_cast<unsigned char>(utf8[at]))) {
            const auto point = take_point(utf8, at);
            shifted.point(point.value_or(0xfffd));
        }
        shifted.end();
    }
    return text;
}

std::optional<std::string> from_modified_utf7(std::string_view text) {
    std::string utf8;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!stands_for_itself(static_cast<unsigned char>(text[at]))) return std::nullopt;
        if (text[at] != '&') {
            utf8 += text[at];
            continue;
        }
        const std::size_t end = text.find('-', at);
        if (end == text.npos) return std::nullopt;
        if (end == at + 1)
            utf8 += '&';
        else if (!unshift(text.substr(at + 1, end - at - 1), utf8))
            return std::nullopt;
        at = end;
    }
    if (to_modified_utf7(utf8) != text) return std::nullopt;
    return utf8;
}

}  // namespace mailhandler::mail
