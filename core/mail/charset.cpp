#include "mail/charset.hpp"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unistr.h>
#include <utility>

#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

struct Alias {
    std::string_view name, means;
};
constexpr Alias aliases[] = {
    {"iso-8859-1", "CP1252"},       {"iso8859-1", "CP1252"},     {"latin1", "CP1252"},
    {"iso-8859-8-i", "ISO-8859-8"}, {"iso-8859-9", "CP1254"},    {"iso-8859-11", "CP874"},
    {"tis-620", "CP874"},           {"gb2312", "GB18030"},       {"gbk", "GB18030"},
    {"x-gbk", "GB18030"},           {"ks_c_5601-1987", "CP949"}, {"euc-kr", "CP949"},
    {"shift_jis", "CP932"},         {"shift-jis", "CP932"},      {"x-sjis", "CP932"},
    {"big5", "BIG5-HKSCS"},         {"unicode-1-1-utf-7", "UTF-7"},
};

bool is_unicode_or_ascii(std::string_view name) {
    return name.empty() || same_name(name, "utf-8") || same_name(name, "utf8") ||
           same_name(name, "us-ascii") || same_name(name, "ascii");
}

// A name as mail spells it, or nothing that iconv_open(3) could take for instructions.
std::string iconv_name(std::string_view name) {
    for (const Alias& each : aliases)
        if (same_name(name, each.name)) return std::string(each.means);
    const bool plain = name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("-_.:+").find(c) != std::string_view::npos;
    });
    return plain ? std::string(name) : std::string();
}

iconv_t open_converter(std::string_view charset) {
    const std::string name = iconv_name(charset);
    const iconv_t none = reinterpret_cast<iconv_t>(-1);
    const iconv_t opened = name.empty() ? none : iconv_open("UTF-8", name.c_str());
    return opened == none ? nullptr : opened;
}

const auto* as_utf8(const char* text) { return reinterpret_cast<const std::uint8_t*>(text); }

// What 0x80–0x9F are in windows-1252; the rest is Latin-1.
constexpr std::array<char16_t, 32> windows_1252 = {
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

void append_windows_1252(char c, std::string& into) {
    const auto octet = static_cast<unsigned char>(c);
    const ucs4_t code = octet >= 0xA0 ? octet : windows_1252[octet - 0x80];
    std::uint8_t encoded[6];
    const int size = u8_uctomb(encoded, code, sizeof encoded);
    into.append(reinterpret_cast<const char*>(encoded), size > 0 ? size : 0);
}

}  // namespace

bool is_charset(std::string_view name) {
    if (name.empty()) return false;
    if (is_unicode_or_ascii(name)) return true;
    const iconv_t opened = open_converter(name);
    if (opened) iconv_close(opened);
    return opened != nullptr;
}

std::string to_utf8(std::string_view octets, std::string_view charset) {
    std::string text;
    text.reserve(octets.size());
    CharsetDecoder decoder(charset);
    decoder.feed(octets, text);
    decoder.finish(text);
    return text;
}

CharsetDecoder::CharsetDecoder(std::string_view charset) {
    if (!is_unicode_or_ascii(charset)) converter_ = open_converter(charset);
}

CharsetDecoder::~CharsetDecoder() {
    if (converter_) iconv_close(converter_);
}

void CharsetDecoder::feed(std::string_view octets, std::string& into) {
    if (held_.empty()) {
        if (converter_)
            convert(octets, into);
        else
            guess(octets, into, false);
        return;
    }
    held_ += octets;
    const std::string whole = std::exchange(held_, {});
    if (converter_)
        convert(whole, into);
    else
        guess(whole, into, false);
}

void CharsetDecoder::finish(std::string& into) {
    const std::string rest = std::exchange(held_, {});
    if (!converter_) return guess(rest, into, true);
    if (!rest.empty()) into += replacement;
}

void CharsetDecoder::convert(std::string_view octets, std::string& into) {
    // iconv does not write through its input.
    char* in = const_cast<char*>(octets.data());
    std::size_t left = octets.size();
    std::array<char, 4096> buffer;
    while (left > 0) {
        char* out = buffer.data();
        std::size_t room = buffer.size();
        const std::size_t done = iconv(converter_, &in, &left, &out, &room);
        into.append(buffer.data(), out - buffer.data());
        if (done != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
        if (errno == EINVAL && left < 16) {  // a character is divided here
            held_.assign(in, left);
            return;
        }
        into += replacement;
        ++in;
        --left;
    }
}

// UTF-8, or what only claims to be.
void CharsetDecoder::guess(std::string_view octets, std::string& into, bool last) {
    while (!octets.empty()) {
        const std::uint8_t* bad = u8_check(as_utf8(octets.data()), octets.size());
        const std::size_t good = bad ? bad - as_utf8(octets.data()) : octets.size();
        into += octets.substr(0, good);
        octets.remove_prefix(good);
        if (octets.empty()) return;
        ucs4_t code = 0;
        const int size = u8_mbtoucr(&code, as_utf8(octets.data()), octets.size());
        if (size == -2 && !last) {  // incomplete
            held_ = octets;
            return;
        }
        append_windows_1252(octets[0], into);
        octets.remove_prefix(1);
    }
}

}  // namespace mailhandler::mail
