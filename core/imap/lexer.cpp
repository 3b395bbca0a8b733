#include "imap/lexer.hpp"

#include <charconv>
#include <limits>

namespace mailhandler::imap {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool astring_char(char c) { return atom_char(c) || c == ']'; }
bool list_char(char c) { return astring_char(c) || c == '%' || c == '*'; }

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

std::string upper(std::string_view word) {
    std::string text(word);
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return text;
}

// atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
bool atom_char(char c) {
    if (c <= ' ' || c == '\x7f') return false;  // 8-bit octets are negative
    return std::string_view("(){%*\"\\]").find(c) == std::string_view::npos || c == '}';
}

// literal = "{" number64 ["+"] "}" CRLF *CHAR8
std::optional<LiteralMark> literal_mark(std::string_view line) {
    if (line.size() < 3 || line.back() != '}') return std::nullopt;
    LiteralMark mark;
    std::size_t end = line.size() - 1;
    if (line[end - 1] == '+') {
        mark.synchronizing = false;
        --end;
    }
    std::size_t begin = end;
    while (begin > 0 && digit(line[begin - 1])) --begin;
    if (begin == end || begin == 0 || line[begin - 1] != '{') return std::nullopt;
    if (std::from_chars(line.data() + begin, line.data() + end, mark.size).ec != std::errc())
        mark.size = std::numeric_limits<std::uint64_t>::max();
    mark.at = begin - 1;
    if (mark.at > 0 && line[mark.at - 1] == '~') {
        mark.binary = true;
        --mark.at;
    }
    return mark;
}

bool Lexer::take(char c) {
    if (peek() != c || at_end()) return false;
    ++at_;
    return true;
}

bool Lexer::word(std::string_view word) {
    const std::string_view here = rest();
    if (here.size() < word.size() || !same_word(here.substr(0, word.size()), word)) return false;
    if (here.size() > word.size() && atom_char(here[word.size()])) return false;
    at_ += word.size();
    return true;
}

template <class Accepts>
std::optional<std::string_view> Lexer::run(Accepts accepts) {
    const std::size_t from = at_;
    while (!at_end() && accepts(text_[at_])) ++at_;
    if (at_ == from) return std::nullopt;
    return text_.substr(from, at_ - from);
}

std::optional<std::string_view> Lexer::tag() {
    return run([](char c) { return astring_char(c) && c != '+'; });
}

std::optional<std::string_view> Lexer::atom() { return run(atom_char); }

std::optional<std::string_view> Lexer::token() {
    return run([](char c) { return c != ' ' && c != '(' && c != ')' && c != '\r' && c != '\n'; });
}

std::optional<std::string> Lexer::string() {
    if (peek() == '"') return quoted();
    if (peek() == '{' || peek() == '~') return literal();
    return std::nullopt;
}

std::optional<std::string> Lexer::astring() {
    if (const auto word = run(astring_char)) {
        // "~" is an ASTRING-CHAR and begins a literal8 as well.
        if (*word != "~" || peek() != '{') return std::string(*word);
        --at_;
    }
    return string();
}

std::optional<std::string> Lexer::list_mailbox() {
    if (const auto word = run(list_char)) return std::string(*word);
    return string();
}

// quoted = DQUOTE *QUOTED-CHAR DQUOTE; 8-bit octets are passed on for others to judge
std::optional<std::string> Lexer::quoted() {
    std::string value;
    for (std::size_t at = at_ + 1; at < text_.size(); ++at) {
        char c = text_[at];
        if (c == '"') {
            at_ = at + 1;
            return value;
        }
        if (c == '\r' || c == '\n' || c == '\0') break;
        if (c == '\\') {
            if (++at == text_.size()) break;
            c = text_[at];
            if (c != '"' && c != '\\') break;
        }
        value += c;
    }
    return std::nullopt;
}

std::optional<std::string> Lexer::literal() {
    const std::string_view here = rest();
    const std::size_t end = here.find('}');
    if (end == here.npos) return std::nullopt;
    const auto mark = literal_mark(here.substr(0, end + 1));
    const std::string_view behind = here.substr(end + 1);
    if (!mark || mark->at != 0 || !behind.starts_with("\r\n") || behind.size() - 2 < mark->size)
        return std::nullopt;
    std::string value(behind.substr(2, mark->size));
    if (!mark->binary && value.find('\0') != value.npos) return std::nullopt;
    at_ += end + 3 + mark->size;
    return value;
}

std::optional<std::uint64_t> Lexer::number() {
    const std::string_view here = rest();
    std::uint64_t value = 0;
    if (here.empty() || !digit(here[0])) return std::nullopt;
    const auto [end, error] = std::from_chars(here.data(), here.data() + here.size(), value);
    if (error != std::errc() || value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    at_ += static_cast<std::size_t>(end - here.data());
    return value;
}

std::optional<std::uint32_t> Lexer::number32() {
    const std::size_t before = at_;
    const auto value = number();
    if (value && *value <= std::numeric_limits<std::uint32_t>::max())
        return static_cast<std::uint32_t>(*value);
    at_ = before;
    return std::nullopt;
}

std::optional<std::uint32_t> Lexer::nz_number() {
    const std::size_t before = at_;
    const auto value = number32();
    if (value && *value != 0) return value;
    at_ = before;
    return std::nullopt;
}

}  // namespace mailhandler::imap
