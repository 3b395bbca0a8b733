#include "mail/header.hpp"

#include <algorithm>

namespace mailhandler::mail {

namespace {

bool is_wsp(char c) { return c == ' ' || c == '\t'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Length of the line end at `at`: 1 for LF, 2 for CRLF, 0 for none.
std::size_t line_break(std::string_view text, std::size_t at) {
    if (at < text.size() && text[at] == '\n') return 1;
    return at + 1 < text.size() && text[at] == '\r' && text[at + 1] == '\n' ? 2 : 0;
}

// ftext = %d33-57 / %d59-126
std::size_t name_length(std::string_view field) {
    std::size_t i = 0;
    while (i < field.size() && field[i] > 32 && field[i] < 127 && field[i] != ':') ++i;
    return i;
}

// obs-optional = field-name *WSP ":"; a fold before the colon is taken as well, lest it hide a
// name.
std::size_t colon_after(std::string_view field, std::size_t at) {
    for (;;) {
        while (at < field.size() && is_wsp(field[at])) ++at;
        const std::size_t fold = line_break(field, at);
        if (fold == 0 || at + fold >= field.size()) break;
        at += fold;
    }
    return at < field.size() && field[at] == ':' ? at : field.npos;
}

std::optional<Field> parse_field(std::string_view raw) {
    const std::size_t name = name_length(raw);
    const std::size_t colon = name == 0 ? raw.npos : colon_after(raw, name);
    if (colon == raw.npos) return std::nullopt;
    std::string_view body = raw.substr(colon + 1);
    if (!body.empty() && body.back() == '\n') {
        body.remove_suffix(1);
        if (!body.empty() && body.back() == '\r') body.remove_suffix(1);
    }
    return Field{raw.substr(0, name), body, raw};
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

bool Field::is(std::string_view other) const { return same_name(name, other); }
std::string Field::value() const { return unfold(body); }

std::size_t HeaderScan::line_end(std::size_t from) const {
    const std::size_t lf = octets_.find('\n', from);
    return lf == octets_.npos ? octets_.size() : lf + 1;
}

std::optional<Field> HeaderScan::next() {
    while (!complete_ && position_ < octets_.size()) {
        if (const std::size_t empty = line_break(octets_, position_)) {
            position_ += empty;
            complete_ = true;
            break;
        }
        const std::size_t begin = position_;
        std::size_t end = line_end(begin);
        while (end < octets_.size() && is_wsp(octets_[end])) end = line_end(end);
        position_ = end;
        if (auto field = parse_field(octets_.substr(begin, end - begin))) return field;
    }
    return std::nullopt;
}

bool begins_with_header(std::string_view octets) {
    if (octets.empty() || line_break(octets, 0)) return true;
    if (octets.starts_with("From ") || octets.starts_with(">From ")) return true;
    std::size_t end = octets.find('\n');
    end = end == octets.npos ? octets.size() : end + 1;
    // one more line: the colon may stand behind a fold
    if (end < octets.size() && is_wsp(octets[end]))
        end = std::min(octets.find('\n', end), octets.size() - 1) + 1;
    return parse_field(octets.substr(0, end)).has_value();
}

bool joins_lines_above(std::string_view octets) {
    if (octets.empty() || octets.front() == '\n' || octets.starts_with("\r\n")) return false;
    return octets.front() == ' ' || octets.front() == '\t' || !HeaderScan(octets).next();
}

std::optional<Field> find_field(std::string_view octets, std::string_view name) {
    HeaderScan scan(octets);
    while (auto field = scan.next())
        if (field->is(name)) return field;
    return std::nullopt;
}

std::size_t count_fields(std::string_view octets, std::string_view name) {
    HeaderScan scan(octets);
    std::size_t count = 0;
    while (const auto field = scan.next()) count += field->is(name);
    return count;
}

std::string unfold(std::string_view body) {
    std::string text;
    text.reserve(body.size());
    for (std::size_t i = 0; i < body.size(); ++i) {
        const std::size_t fold = line_break(body, i);
        if (fold) {
            i += fold - 1;
        } else {
            text += body[i] == '\0' || body[i] == '\r' ? ' ' : body[i];
        }
    }
    const std::size_t last = text.find_last_not_of(" \t");
    text.erase(last == text.npos ? 0 : last + 1);
    text.erase(0, text.find_first_not_of(" \t"));
    return text;
}

}  // namespace mailhandler::mail
