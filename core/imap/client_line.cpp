#include "imap/client_line.hpp"

#include <algorithm>
#include <charconv>

namespace mailhandler::imap {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::optional<ServerLine::Status> status_of(std::string_view word) {
    using Status = ServerLine::Status;
    if (is(word, "OK")) return Status::ok;
    if (is(word, "NO")) return Status::no;
    if (is(word, "BAD")) return Status::bad;
    if (is(word, "BYE")) return Status::bye;
    if (is(word, "PREAUTH")) return Status::preauth;
    return std::nullopt;
}

// resp-text = ["[" resp-text-code "]" SP] text
void take_text(ServerLine& line, std::string_view text) {
    const std::size_t close = text.find(']');
    if (text.starts_with('[') && close != text.npos) {
        line.code = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (text.starts_with(' ')) text.remove_prefix(1);
    }
    line.text = text;
}

}  // namespace

bool is(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view take_word(std::string_view& text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    if (text.starts_with(' ')) text.remove_prefix(1);
    return word;
}

std::optional<std::uint64_t> whole_number(std::string_view digits) {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || at != end || digits.empty()) return std::nullopt;
    return value;
}

std::optional<std::string_view> code_argument(const ServerLine& line, std::string_view name) {
    std::string_view rest = line.code;
    if (!is(take_word(rest), name)) return std::nullopt;
    return rest;
}

ServerLine parse_server_line(std::string_view text) {
    ServerLine line;
    if (text == "+" || text.starts_with("+ ")) {
        line.kind = ServerLine::Kind::continuation;
        line.text = text.substr(std::min<std::size_t>(text.size(), 2));
        return line;
    }
    const std::string_view first = take_word(text);
    const std::string_view word = take_word(text);
    const auto status = status_of(word);
    if (first == "*" && !status) {
        line.kind = word.empty() ? ServerLine::Kind::unknown : ServerLine::Kind::data;
        line.word = word;
        const auto number = whole_number(word);
        if (number && *number <= 0xffffffffu) {
            line.number = static_cast<std::uint32_t>(*number);
            line.word = take_word(text);
        }
        line.text = text;
        return line;
    }
    if (!status) return line;
    line.status = *status;
    if (first == "*") {
        line.kind = ServerLine::Kind::status;
    } else {
        const auto tag = first.starts_with('a') ? whole_number(first.substr(1)) : std::nullopt;
        if (!tag || *status == ServerLine::Status::bye || *status == ServerLine::Status::preauth)
            return line;
        line.kind = ServerLine::Kind::tagged;
        line.tag = *tag;
    }
    take_text(line, text);
    return line;
}

std::optional<Announced> literal_at_end(std::string_view line) {
    if (!line.ends_with('}')) return std::nullopt;
    const std::size_t open = line.rfind('{');
    if (open == line.npos) return std::nullopt;
    const auto octets = whole_number(line.substr(open + 1, line.size() - open - 2));
    return octets ? Announced{*octets, true} : Announced{0, false};
}

}  // namespace mailhandler::imap
