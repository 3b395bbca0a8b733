// TOML as plain values: what toml++ understood of a text, with positions.
//
// The only door between this room and toml++ (document.cpp). The readers of the three kinds of
// file walk it; an edit compares the one before with the one after.
//
// Positions: lines and columns count from 1; a column counts characters (code points), as an
// editor shows it, and a byte order mark is not one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/clock.hpp"

namespace mailhandler::config {

struct Position {
    unsigned line = 0, column = 0;
};

struct Entry;

struct Node {
    // `other`: a time or a date with a time; `text` holds it as toml++ prints it.
    enum class Kind : std::uint8_t { table, array, string, integer, real, boolean, date, other };
    Kind kind = Kind::table;
    Position at;                // of the value; of the header for a table
    std::int64_t number = 0;    // integer; boolean as 0 or 1; the bits of a real
    Date date{};
    std::string text;           // string
    std::vector<Entry> entries; // table, sorted by key
    std::vector<Node> items;    // array

    bool is(Kind k) const { return kind == k; }
    const Entry* find(std::string_view key) const;
    Entry* find(std::string_view key);
    // The entry of `key`, made (an empty table) when there is none.
    Node& at_key(std::string_view key);
};

struct Entry {
    std::string key;
    Position at;  // of the key
    Node value;
};

// "a table", "a list", "a string" … for messages.
std::string_view describe(Node::Kind kind);

// Equal values, wherever they stand.
bool same(const Node& a, const Node& b);

struct SyntaxError {
    Position at;
    std::string text;  // "expected value, saw …"
};
tl::expected<Node, SyntaxError> parse_toml(std::string_view text);

}  // namespace mailhandler::config
