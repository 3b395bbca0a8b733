// A lossless look at TOML: which octets are which line, key and value.
//
// Made for edit(): it is given only what toml++ accepted, and what it makes of it is judged by
// toml++ again. So it keeps no values, only places; on anything else it stops where the text
// stops making sense, and never reads outside of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/edit.hpp"

namespace mailhandler::config {

struct Span {
    std::size_t begin = 0, end = 0;
    std::size_t size() const { return end - begin; }
    std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

// One `key = value`, at the top level or inside an inline table.
struct Pair {
    KeyPath key;   // as written: several parts when dotted
    Span place;    // from the key's first octet to the value's last
    Span value;
    bool commented = false;  // the value, an array over several lines, holds comments
};

// One or more whole lines.
struct Statement {
    enum class Kind { blank, comment, table, table_list, pair };
    Kind kind = Kind::blank;
    Span lines;              // with the line end, where there is one
    unsigned number = 0;     // of the first line, from 1
    KeyPath header;          // of table and table_list
    Pair pair;
    std::size_t section = none;  // the statement that is this pair's header; none: the top

    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    bool is_header() const { return kind == Kind::table || kind == Kind::table_list; }
};

// All of `text` in order, a byte order mark excepted. The lines of the statements cover it.
std::vector<Statement> scan(std::string_view text);

// The pairs of an inline table, `table` being the place of its braces.
std::vector<Pair> scan_inline(std::string_view text, Span table);

}  // namespace mailhandler::config
