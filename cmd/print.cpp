#include "print.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "context.hpp"

namespace mailhandler::cmd {

namespace {

// Length of the well-formed UTF-8 sequence `text` begins with, or 0 (RFC 3629 section 4).
std::size_t sequence_length(std::string_view text) {
    const auto octet = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const auto tail = [&](std::size_t i) { return (octet(i) & 0xc0) == 0x80; };
    const unsigned first = octet(0), second = octet(1);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0 && second < 0xa0) return 0;  // overlong
        if (first == 0xed && second > 0x9f) return 0;  // surrogates
        return tail(1) && tail(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0 && second < 0x90) return 0;
        if (first == 0xf4 && second > 0x8f) return 0;  // beyond U+10FFFF
        return tail(1) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

void Json::separate() {
    if (!first_) out_ << ',';
    first_ = false;
}

void Json::begin(char bracket) {
    out_ << bracket;
    open_ += bracket;
    first_ = true;
}

void Json::name(std::string_view key) {
    separate();
    write(key);
    out_ << ':';
}

Json& Json::object() {
    if (!open_.empty()) separate();
    begin('{');
    return *this;
}

Json& Json::array() {
    if (!open_.empty()) separate();
    begin('[');
    return *this;
}

Json& Json::object(std::string_view key) {
    name(key);
    begin('{');
    return *this;
}

Json& Json::array(std::string_view key) {
    name(key);
    begin('[');
    return *this;
}

Json& Json::end() {
    out_ << (open_.back() == '{' ? '}' : ']');
    open_.pop_back();
    first_ = false;
    if (open_.empty()) out_ << '\n';
    return *this;
}

void Json::write(std::string_view text) {
    out_ << '"';
    for (std::size_t i = 0; i < text.size();) {
        const auto octet = static_cast<unsigned char>(text[i]);
        const std::size_t length = sequence_length(text.substr(i));
        if (length == 0) {
            out_ << "\xef\xbf\xbd";
            ++i;
            continue;
        }
        if (octet == '"' || octet == '\\')
            out_ << '\\' << text[i];
        else if (octet == '\n')
            out_ << "\\n";
        else if (octet < 0x20 || octet == 0x7f)
            out_ << fmt::format("\\u{:04x}", octet);
        else
            out_ << text.substr(i, length);
        i += length;
    }
    out_ << '"';
}

void Json::write(double value) { out_ << fmt::format("{:.3f}", value); }

void Json::write(const std::vector<std::string>& texts) {
    begin('[');
    for (const auto& text : texts) element(text);
    out_ << ']';
    open_.pop_back();
    first_ = false;
}

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], display_width(printable(row[i])));
    }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string cell = printable(row[i]);
            line += cell;
            if (i + 1 < row.size()) line.append(widths[i] - display_width(cell) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << line << '\n';
    }
}

std::string size_text(std::uint64_t octets) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = static_cast<double>(octets);
    std::size_t unit = 0;
    for (; value >= 1024 && unit < 6; ++unit) value /= 1024;
    const bool whole = unit == 0 || value == static_cast<double>(static_cast<std::uint64_t>(value));
    return whole ? fmt::format("{:.0f} {}", value, units[unit])
                 : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace mailhandler::cmd
