#include "mail/transfer_encoding.hpp"

#include <array>

#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

constexpr std::uint8_t none = 255;

constexpr std::array<std::uint8_t, 256> base64_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(none);
    const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(digits[i])] = i;
    return values;
}
constexpr auto values = base64_values();

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

TransferEncoding transfer_encoding(std::string_view name) {
    if (name.empty() || same_name(name, "7bit") || same_name(name, "8bit") ||
        same_name(name, "binary"))
        return TransferEncoding::identity;
    if (same_name(name, "base64")) return TransferEncoding::base64;
    if (same_name(name, "quoted-printable")) return TransferEncoding::quoted_printable;
    return TransferEncoding::unknown;
}

void TransferDecoder::feed(std::string_view encoded, std::string& into) {
    switch (encoding_) {
        case TransferEncoding::base64: return base64(encoded, into);
        case TransferEncoding::quoted_printable: return quoted(encoded, into);
        default: into += encoded;
    }
}

// RFC 2045 section 6.8
void TransferDecoder::base64(std::string_view encoded, std::string& into) {
    for (const char c : encoded) {
        const std::uint8_t value = values[static_cast<unsigned char>(c)];
        if (value == none) {
            if (c == '=') finish(into);
            continue;
        }
        bits_ = bits_ << 6 | value;
        if (++digits_ < 4) continue;
        into += static_cast<char>(bits_ >> 16);
        into += static_cast<char>(bits_ >> 8);
        into += static_cast<char>(bits_);
        digits_ = 0;
        bits_ = 0;
    }
}

// RFC 2045 section 6.7
void TransferDecoder::quoted(std::string_view encoded, std::string& into) {
    for (const char c : encoded) {
        if (!held_.empty() && held_[0] == '=') {
            if (c == '\n') {  // a soft line break
                held_.clear();
            } else if (held_.size() == 1 ? hex(c) >= 0 || c == ' ' || c == '\t' || c == '\r'
                                         : hex(held_[1]) < 0 && (c == ' ' || c == '\t' || c == '\r')) {
                held_ += c;
            } else if (held_.size() == 2 && hex(held_[1]) >= 0 && hex(c) >= 0) {
                into += static_cast<char>(hex(held_[1]) << 4 | hex(c));
                held_.clear();
            } else {
                into += held_;
                held_.clear();
                quoted({&c, 1}, into);
            }
        } else if (c == '=') {
            into += held_;
            held_ = "=";
        } else if (c == ' ' || c == '\t' || c == '\r') {
            // white space goes when the line ends behind it
            if (held_.ends_with('\r')) {
                into += held_;
                held_.clear();
            }
            held_ += c;
        } else {
            if (c == '\n') {
                if (held_.ends_with('\r')) into += '\r';
            } else {
                into += held_;
            }
            held_.clear();
            into += c;
        }
    }
}

void TransferDecoder::finish(std::string& into) {
    if (encoding_ == TransferEncoding::base64) {
        if (digits_ >= 2) into += static_cast<char>(bits_ >> (digits_ == 2 ? 4 : 10));
        if (digits_ == 3) into += static_cast<char>(bits_ >> 2);
        digits_ = 0;
        bits_ = 0;
    } else if (encoding_ == TransferEncoding::quoted_printable) {
        if (held_.starts_with('=')) into += held_;
        held_.clear();
    }
}

std::string decoded(std::string_view encoded, TransferEncoding encoding) {
    std::string text;
    text.reserve(encoded.size());
    TransferDecoder decoder(encoding);
    decoder.feed(encoded, text);
    decoder.finish(text);
    return text;
}

}  // namespace mailhandler::mail
