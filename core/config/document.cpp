#include "config/document.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <bit>
#include <sstream>

namespace mailhandler::config {
namespace {

// A header of this many parts makes tables in tables; toml++ and we walk them by recursion.
constexpr unsigned deepest = 128;

struct TooDeep {
    Position at;
};

Position position(const toml::source_region& region) {
    return {region.begin.line, region.begin.column};
}

template <class T>
std::string printed(const T& value) {
    std::ostringstream out;
    out << value;
    return std::move(out).str();
}

Node convert(toml::node& from, unsigned depth);

void convert_table(toml::table& table, Node& node, unsigned depth) {
    node.kind = Node::Kind::table;
    node.entries.reserve(table.size());
    for (auto&& [key, value] : table)
        node.entries.push_back(
            {std::string(key.str()), position(key.source()), convert(value, depth + 1)});
}

void convert_array(toml::array& array, Node& node, unsigned depth) {
    node.kind = Node::Kind::array;
    node.items.reserve(array.size());
    for (auto& item : array) node.items.push_back(convert(item, depth + 1));
}

void convert_date(const toml::date& date, Node& node) {
    node.kind = Node::Kind::date;
    node.date = std::chrono::year(date.year) / std::chrono::month(date.month) /
                std::chrono::day(date.day);
}

Node convert(toml::node& from, unsigned depth) {
    Node node;
    node.at = position(from.source());
    if (depth > deepest) throw TooDeep{node.at};
    if (auto* table = from.as_table()) {
        convert_table(*table, node, depth);
    } else if (auto* array = from.as_array()) {
        convert_array(*array, node, depth);
    } else if (auto* string = from.as_string()) {
        node.kind = Node::Kind::string;
        node.text = std::move(string->get());
    } else if (const auto* integer = from.as_integer()) {
        node.kind = Node::Kind::integer;
        node.number = integer->get();
    } else if (const auto* real = from.as_floating_point()) {
        node.kind = Node::Kind::real;
        node.number = std::bit_cast<std::int64_t>(real->get());
    } else if (const auto* boolean = from.as_boolean()) {
        node.kind = Node::Kind::boolean;
        node.number = boolean->get() ? 1 : 0;
    } else if (const auto* date = from.as_date()) {
        convert_date(date->get(), node);
    } else {
        node.kind = Node::Kind::other;
        if (const auto* time = from.as_time()) node.text = printed(time->get());
        if (const auto* moment = from.as_date_time()) node.text = printed(moment->get());
    }
    return node;
}

bool by_key(const Entry& entry, std::string_view key) { return entry.key < key; }

}  // namespace

const Entry* Node::find(std::string_view key) const {
    const auto it = std::lower_bound(entries.begin(), entries.end(), key, by_key);
    return it != entries.end() && it->key == key ? &*it : nullptr;
}

Entry* Node::find(std::string_view key) {
    return const_cast<Entry*>(std::as_const(*this).find(key));
}

Node& Node::at_key(std::string_view key) {
    auto it = std::lower_bound(entries.begin(), entries.end(), key, by_key);
    if (it == entries.end() || it->key != key)
        it = entries.insert(it, Entry{std::string(key), {}, {}});
    return it->value;
}

std::string_view describe(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::table: return "a table";
        case Node::Kind::array: return "a list";
        case Node::Kind::string: return "a string";
        case Node::Kind::integer: return "an integer";
        case Node::Kind::real: return "a decimal number";
        case Node::Kind::boolean: return "a boolean";
        case Node::Kind::date: return "a date";
        case Node::Kind::other: break;
    }
    return "a time";
}

bool same(const Node& a, const Node& b) {
    if (a.kind != b.kind || a.number != b.number || a.date != b.date || a.text != b.text)
        return false;
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same) &&
           std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                      [](const Entry& x, const Entry& y) {
                          return x.key == y.key && same(x.value, y.value);
                      });
}

tl::expected<Node, SyntaxError> parse_toml(std::string_view text) {
    try {
        toml::table table = toml::parse(text);
        Node root;
        root.at = {1, 1};
        convert_table(table, root, 0);
        return root;
    } catch (const toml::parse_error& error) {
        return tl::unexpected<SyntaxError>(
            {position(error.source()), std::string(error.description())});
    } catch (const TooDeep& deep) {
        return tl::unexpected<SyntaxError>({deep.at, "tables are nested too deeply"});
    }
}

}  // namespace mailhandler::config
