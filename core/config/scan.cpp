#include "config/scan.hpp"

#include <algorithm>
#include <charconv>

namespace mailhandler::config {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
// toml++ accepts 256 arrays in arrays.
constexpr int deepest = 600;

void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xe0 | c >> 12);
        out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else {
        out += static_cast<char>(0xf0 | c >> 18);
        out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
        out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
    }
}

class Scanner {
  public:
    Scanner(std::string_view text, std::size_t at) : text_(text), at_(at) {}

    std::size_t at() const { return at_; }
    bool done() const { return at_ >= text_.size(); }
    char peek() const { return done() ? '\0' : text_[at_]; }
    bool take(char c) {
        if (done() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool saw_comment() const { return saw_comment_; }

    void skip_blanks() {
        while (!done() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    }
    // To the end of the line, past its line end.
    void skip_line() {
        const std::size_t end = text_.find('\n', at_);
        at_ = end == std::string_view::npos ? text_.size() : end + 1;
    }

    // key = simple-key *( ws "." ws simple-key )
    KeyPath key() {
        KeyPath path;
        do {
            skip_blanks();
            path.push_back(simple_key());
            skip_blanks();
        } while (take('.'));
        return path;
    }

    // key ws "=" ws val
    Pair pair() {
        Pair found;
        found.place.begin = at_;
        found.key = key();
        take('=');
        skip_blanks();
        saw_comment_ = false;
        found.value.begin = at_;
        skip_value(0);
        found.value.end = found.place.end = at_;
        found.commented = saw_comment_;
        return found;
    }

    // Blanks, line ends and comments, as they may stand between the items of an array.
    void skip_space() {
        for (;;) {
            skip_blanks();
            if (peek() == '#') {
                saw_comment_ = true;
                skip_line();
            } else if (!take('\n') && !take('\r')) {
                return;
            }
        }
    }

  private:
    std::string simple_key() {
        if (peek() == '"') return basic_key();
        if (peek() == '\'') {
            const std::size_t begin = at_;
            skip_string();
            return at_ - begin < 2 ? std::string{}
                                   : std::string(text_.substr(begin + 1, at_ - begin - 2));
        }
        const std::size_t begin = at_;
        while (!done() && std::string_view(" \t\r\n.=]}").find(text_[at_]) == std::string_view::npos)
            ++at_;
        return std::string(text_.substr(begin, at_ - begin));
    }

    std::string basic_key() {
        std::string key;
        ++at_;
        while (!done() && peek() != '"') {
            if (!take('\\')) {
                key += text_[at_++];
                continue;
            }
            escape(key);
        }
        take('"');
        return key;
    }

    void escape(std::string& key) {
        if (done()) return;
        const char c = text_[at_++];
        constexpr std::string_view names = "btnfr\"\\", values = "\b\t\n\f\r\"\\";
        if (const std::size_t i = names.find(c); i != std::string_view::npos) {
            key += values[i];
            return;
        }
        const std::size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
        const std::string_view hex = text_.substr(at_, digits);
        std::uint32_t code = 0;
        std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
        append_utf8(key, code);
        at_ += hex.size();
    }

    // A string of any of the four kinds.
    void skip_string() {
        const char quote = peek();
        const std::string triple(3, quote);
        if (text_.substr(at_, 3) == triple) {
            at_ += 3;
            skip_to_end_quote(quote, triple);
            // Up to two quotes may stand directly before the closing three.
            for (int i = 0; i < 2 && peek() == quote; ++i) ++at_;
        } else {
            ++at_;
            skip_to_end_quote(quote, std::string(1, quote));
        }
    }

    void skip_to_end_quote(char quote, const std::string& end) {
        while (!done()) {
            if (quote == '"' && text_[at_] == '\\') {
                at_ = std::min(at_ + 2, text_.size());
            } else if (text_[at_] == quote && text_.substr(at_, end.size()) == end) {
                at_ += end.size();
                return;
            } else {
                ++at_;
            }
        }
    }

    void skip_value(int depth) {
        const char c = peek();
        if (c == '"' || c == '\'') return skip_string();
        if (c == '[' && depth < deepest) return skip_array(depth);
        if (c == '{' && depth < deepest) return skip_inline(depth);
        // A number, a boolean or a date (which may hold one blank).
        const std::size_t begin = at_;
        while (!done() && std::string_view(",]}#\r\n").find(text_[at_]) == std::string_view::npos)
            ++at_;
        while (at_ > begin && (text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t')) --at_;
    }

    void skip_array(int depth) {
        take('[');
        for (skip_space(); !done() && !take(']'); skip_space()) {
            const std::size_t before = at_;
            skip_value(depth + 1);
            skip_space();
            take(',');
            if (at_ == before) return;
        }
    }

    void skip_inline(int depth) {
        take('{');
        for (skip_space(); !done() && !take('}'); skip_space()) {
            const std::size_t before = at_;
            key();
            take('=');
            skip_blanks();
            skip_value(depth + 1);
            skip_space();
            take(',');
            if (at_ == before) return;
        }
    }

    std::string_view text_;
    std::size_t at_;
    bool saw_comment_ = false;
};

// The statement that begins at `begin`; its lines.end is not yet known.
Statement statement_at(Scanner& scanner) {
    Statement statement;
    scanner.skip_blanks();
    const char c = scanner.peek();
    if (scanner.done() || c == '\n' || c == '\r') {
        statement.kind = Statement::Kind::blank;
    } else if (c == '#') {
        statement.kind = Statement::Kind::comment;
    } else if (scanner.take('[')) {
        const bool list = scanner.take('[');
        statement.kind = list ? Statement::Kind::table_list : Statement::Kind::table;
        statement.header = scanner.key();
    } else {
        statement.kind = Statement::Kind::pair;
        statement.pair = scanner.pair();
    }
    scanner.skip_line();
    return statement;
}

}  // namespace

std::vector<Statement> scan(std::string_view text) {
    std::vector<Statement> statements;
    statements.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
    Scanner scanner(text, text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
    unsigned number = 1;
    std::size_t section = Statement::none;
    while (!scanner.done()) {
        const std::size_t begin = scanner.at();
        Statement statement = statement_at(scanner);
        statement.lines = {begin, scanner.at()};
        statement.number = number;
        if (statement.is_header())
            section = statements.size();
        else
            statement.section = section;
        for (const char c : statement.lines.of(text)) number += c == '\n';
        statements.push_back(std::move(statement));
    }
    return statements;
}

std::vector<Pair> scan_inline(std::string_view text, Span table) {
    std::vector<Pair> pairs;
    if (table.size() < 2) return pairs;
    const std::string_view inside = text.substr(0, table.end - 1);
    Scanner scanner(inside, table.begin + 1);
    for (scanner.skip_space(); !scanner.done(); scanner.skip_space()) {
        const std::size_t before = scanner.at();
        pairs.push_back(scanner.pair());
        scanner.skip_space();
        scanner.take(',');
        if (scanner.at() == before) break;
    }
    return pairs;
}

}  // namespace mailhandler::config
