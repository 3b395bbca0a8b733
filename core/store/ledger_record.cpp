#include "store/ledger_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace mailhandler::store {

namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t octet = 0; octet < 256; ++octet) {
        std::uint32_t value = octet;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0u);
        table[octet] = value;
    }
    return table;
}

// The CRC of ISO 3309 (zlib's).
std::uint32_t crc32(std::string_view text) {
    static constexpr auto table = make_table();
    std::uint32_t value = 0xFFFFFFFFu;
    for (const char each : text) {
        value = table[(value ^ static_cast<unsigned char>(each)) & 0xFF] ^ (value >> 8);
    }
    return ~value;
}

bool stands_for_itself(char each) {
    const auto octet = static_cast<unsigned char>(each);
    return octet > 0x20 && octet != 0x7F && octet != '%';
}

void append_field(std::string& to, std::string_view field) {
    if (field.empty()) to += '%';
    for (const char each : field) {
        if (stands_for_itself(each)) {
            to += each;
        } else {
            fmt::format_to(std::back_inserter(to), "%{:02X}", static_cast<unsigned char>(each));
        }
    }
}

std::optional<std::string> parse_field(std::string_view text) {
    if (text == "%") return std::string();
    if (text.find('%') == text.npos) return std::string(text);
    std::string field;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            field += text[at];
            continue;
        }
        unsigned octet = 0;
        if (text.size() - at < 3) return {};
        const auto [end, error] = std::from_chars(&text[at] + 1, &text[at] + 3, octet, 16);
        if (error != std::errc() || end != &text[at] + 3) return {};
        field += static_cast<char>(octet);
        at += 2;
    }
    return field;
}

}  // namespace

void append_record(std::string& to, const std::vector<std::string_view>& fields) {
    const std::size_t begin = to.size();
    to.append(8, ' ');
    for (const std::string_view field : fields) {
        to += ' ';
        append_field(to, field);
    }
    const std::uint32_t sum = crc32(std::string_view(to).substr(begin + 9));
    fmt::format_to(to.begin() + static_cast<std::ptrdiff_t>(begin), "{:08x}", sum);
    to += '\n';
}

std::optional<std::vector<std::string>> parse_record(std::string_view line) {
    if (line.size() < 10 || line[8] != ' ') return {};
    std::uint32_t sum = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + 8, sum, 16);
    line.remove_prefix(9);
    if (error != std::errc() || *end != ' ' || crc32(line) != sum) return {};
    std::vector<std::string> fields;
    fields.reserve(8);
    for (std::size_t begin = 0; begin <= line.size();) {
        const std::size_t stop = std::min(line.find(' ', begin), line.size());
        auto field = parse_field(line.substr(begin, stop - begin));
        if (!field) return {};
        fields.push_back(std::move(*field));
        begin = stop + 1;
    }
    return fields;
}

}  // namespace mailhandler::store
