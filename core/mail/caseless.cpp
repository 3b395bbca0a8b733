#include "mail/caseless.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unicase.h>
#include <uninorm.h>

namespace mailhandler::mail {

namespace {

bool is_ascii(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

void append_folded(std::string& text, std::string_view utf8) {
    std::size_t size = 0;
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> folded(
        u8_casefold(reinterpret_cast<const std::uint8_t*>(utf8.data()), utf8.size(), nullptr,
                    UNINORM_NFKD, nullptr, &size),
        &std::free);
    if (folded)
        text.append(reinterpret_cast<const char*>(folded.get()), size);
    else
        text += utf8;
}

}  // namespace

void append_caseless(std::string& text, std::string_view utf8) {
    // Line by line: most lines of most texts are ASCII.
    while (!utf8.empty()) {
        const std::size_t size = std::min(utf8.find('\n'), utf8.size() - 1) + 1;
        const std::string_view line = utf8.substr(0, size);
        utf8.remove_prefix(size);
        if (!is_ascii(line)) {
            append_folded(text, line);
            continue;
        }
        const std::size_t begin = text.size();
        text += line;
        std::transform(text.begin() + static_cast<std::ptrdiff_t>(begin), text.end(),
                       text.begin() + static_cast<std::ptrdiff_t>(begin),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    }
}

std::string caseless(std::string_view utf8) {
    std::string text;
    text.reserve(utf8.size());
    append_caseless(text, utf8);
    return text;
}

void CaselessFinder::feed(std::string_view utf8) {
    if (found_) return;
    append_caseless(window_, utf8);
    found_ = memmem(window_.data(), window_.size(), needle_.data(), needle_.size()) != nullptr;
    if (window_.size() >= needle_.size()) window_.erase(0, window_.size() - needle_.size() + 1);
}

}  // namespace mailhandler::mail
