#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace mailhandler::wire {

std::string printable(std::string_view octets, std::size_t longest) {
    std::string text;
    for (const char c : octets.substr(0, longest)) {
        if (c >= 0x20 && c <= 0x7e) {
            text += c;
        } else {
            char hex[5];
            std::snprintf(hex, sizeof hex, "\\x%02X", static_cast<unsigned char>(c));
            text += hex;
        }
    }
    if (octets.size() > longest) text += "...";
    return text;
}

bool speaks_of_later(std::string_view text) {
    constexpr std::array words{"lock", "in use", "busy", "later", "again", "temporar", "unavail"};
    std::string lowered(text);
    std::transform(lowered.begin(), lowered.end(), lowered.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return std::any_of(words.begin(), words.end(), [&](const char* word) {
        return lowered.find(word) != std::string::npos;
    });
}

}  // namespace mailhandler::wire
