#include "wire/sasl.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mailhandler::wire {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
    std::array<std::int8_t, 256> values{};
    for (auto& value : values) value = -1;
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    }
    return values;
}

constexpr auto values = make_values();
constexpr std::size_t longest_part = 255;

}  // namespace

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
        ++padding;
    }
    text.remove_suffix(padding);
    std::string octets;
    octets.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        const std::int8_t value = values[static_cast<unsigned char>(c)];
        if (value < 0) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        have += 6;
        if (have >= 8) {
            have -= 8;
            octets.push_back(static_cast<char>(bits >> have & 0xff));
        }
    }
    if ((bits & ((1u << have) - 1)) != 0) return std::nullopt;
    return octets;
}

std::string base64_encode(std::string_view octets) {
    std::string text;
    text.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            const bool there = i + k < octets.size();
            bits = bits << 8 | (there ? static_cast<unsigned char>(octets[i + k]) : 0u);
        }
        const std::size_t digits = std::min<std::size_t>(octets.size() - i, 3) + 1;
        for (std::size_t k = 0; k < 4; ++k) {
            text.push_back(k < digits ? alphabet[bits >> (18 - 6 * k) & 0x3f] : '=');
        }
    }
    return text;
}

std::optional<Plain> parse_plain(std::string_view message) {
    const std::size_t first = message.find('\0');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = message.find('\0', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    Plain plain{std::string(message.substr(0, first)),
                std::string(message.substr(first + 1, second - first - 1)),
                std::string(message.substr(second + 1))};
    if (plain.password.find('\0') != std::string::npos) return std::nullopt;
    if (plain.login.empty() || plain.password.empty()) return std::nullopt;
    for (const std::string* part : {&plain.authorize, &plain.login, &plain.password}) {
        if (part->size() > longest_part) return std::nullopt;
    }
    return plain;
}

std::string plain_message(std::string_view login, std::string_view password) {
    std::string message;
    message.reserve(login.size() + password.size() + 2);
    message.push_back('\0');
    message.append(login).push_back('\0');
    message.append(password);
    return message;
}

std::string oauthbearer_message(std::string_view login, std::string_view host, unsigned port,
                                std::string_view token) {
    std::string message = "n,a=";
    message.append(login).append(",\x01host=").append(host).append("\x01port=");
    message.append(std::to_string(port)).append("\x01" "auth=Bearer ").append(token);
    return message.append("\x01\x01");
}

std::string xoauth2_message(std::string_view login, std::string_view token) {
    std::string message = "user=";
    message.append(login).append("\x01" "auth=Bearer ").append(token);
    return message.append("\x01\x01");
}

}  // namespace mailhandler::wire
