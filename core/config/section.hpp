// Reading one table of a configuration file, and saying all that is wrong with it.
//
// Each reader asks for the keys it knows; finish() then complains about the rest, with the nearest
// known key. A wrong value is a problem and reads as absent, so that the reading goes on.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/load.hpp"

namespace mailhandler::config {

// Where the problems of one file go.
class Complaints {
  public:
    explicit Complaints(const std::string& file) : file_(file) {}

    void error(Position at, std::string text) { add(at, std::move(text), true); }
    void warning(Position at, std::string text) { add(at, std::move(text), false); }
    bool any_error() const { return errors_; }
    // All of them, in the order of the file.
    std::vector<Problem> take();

  private:
    void add(Position at, std::string text, bool error);

    const std::string& file_;
    std::vector<Problem> problems_;
    bool errors_ = false;
};

// The file's tree, or nothing and the syntax error among the complaints.
std::optional<Node> parse_into(std::string_view text, Complaints& complaints);

// A string with its place.
struct Item {
    std::string text;
    Position at;
};

// A period of time, or "forever".
struct Period {
    std::optional<std::chrono::seconds> length;  // absent: forever
};

class Section {
  public:
    // `family` and `name` only serve messages: "mailbox", "anne"; both empty is the top of the file.
    Section(Complaints& complaints, const Node& table, std::string_view family = {},
            std::string_view name = {})
        : complaints_(complaints), table_(table), family_(family), name_(name) {}

    // The entry of a key, which is known from now on; null when it is not there.
    const Entry* find(std::string_view key);
    // The same when it is of `kind`, else a problem that says what was `expected`.
    const Entry* find(std::string_view key, Node::Kind kind, std::string_view expected);

    std::optional<Item> text(std::string_view key);
    std::optional<bool> flag(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                        std::int64_t most);
    std::optional<std::uint64_t> size(std::string_view key, std::uint64_t least = 0);
    std::optional<Period> period(std::string_view key, bool forever_allowed);
    // A list of strings; `example` is what the message shows.
    std::optional<std::vector<Item>> list(std::string_view key, std::string_view example);
    // The index in `words` of the key's value.
    std::optional<std::size_t> choice(std::string_view key,
                                      std::span<const std::string_view> words);
    // The table of a key of this one, to be read as a section of its own.
    const Node* table(std::string_view key);

    // Complains about every key nobody asked for.
    void finish();

    void error(Position at, std::string text) { complaints_.error(at, std::move(text)); }
    Position at() const { return table_.at; }

  private:
    std::string heading() const;  // " in [mailbox.anne]"
    void unknown(const Entry& entry);

    Complaints& complaints_;
    const Node& table_;
    std::string_view family_, name_;
    std::vector<std::string_view> known_;
};

// The strings of an array node; a problem for each item that is none.
std::vector<Item> strings_of(const Node& array, std::string_view key, Complaints& complaints);

// `name` as a key of TOML: bare where that is allowed, else quoted.
std::string to_key(std::string_view name);

// ", did you mean "x"?" for the nearest of `known`, or nothing when none is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace mailhandler::config
