#include "pop3/response.hpp"

#include <algorithm>

namespace mailhandler::pop3 {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

void append_words(std::string& line, std::string_view text) {
    const std::size_t room = response_limit - 2 - std::min(line.size(), response_limit - 2);
    for (const char c : text.substr(0, room))
        line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    line += "\r\n";
}

// Whether `line` begins with `word` and then ends or goes on with a space.
bool begins(std::string_view line, std::string_view word) {
    return same(line.substr(0, word.size()), word) &&
           (line.size() == word.size() || line[word.size()] == ' ');
}

std::string_view behind(std::string_view line, std::size_t size) {
    line.remove_prefix(std::min(size, line.size()));
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return line;
}

}  // namespace

std::string ok(std::string_view text) {
    std::string line = text.empty() ? "+OK" : "+OK ";
    append_words(line, text);
    return line;
}

std::string err(std::string_view code, std::string_view text) {
    std::string line = "-ERR ";
    if (!code.empty()) {
        line += '[';
        line += code;
        line += "] ";
    }
    append_words(line, text);
    return line;
}

Response parse_response(std::string_view line) {
    Response response;
    if (begins(line, "+OK")) {
        response.indicator = Indicator::ok;
        line = behind(line, 3);
    } else if (begins(line, "-ERR")) {
        response.indicator = Indicator::err;
        line = behind(line, 4);
    } else if (begins(line, "+")) {
        response.indicator = Indicator::challenge;
        line = behind(line, 1);
    }
    response.text = line;
    // resp-code = "[" resp-level *("/" resp-level) "]"   (RFC 2449 section 4)
    const std::size_t close = line.find(']');
    if (response.indicator == Indicator::err && line.starts_with('[') && close != line.npos) {
        response.code = line.substr(1, close - 1);
        response.text = behind(line, close + 1);
    }
    return response;
}

bool has_code(const Response& response, std::string_view code) {
    const std::string_view given = response.code;
    return same(given.substr(0, code.size()), code) &&
           (given.size() == code.size() || given[code.size()] == '/');
}

}  // namespace mailhandler::pop3
