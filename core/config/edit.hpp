// Changing one thing in a TOML file that a person also edits: every other octet stays.
//
// An edit is a splice: locate the value, replace just those bytes, parse again, and require that
// the model is the old one but for the change asked for. A shape that cannot be spliced safely (an
// inline table over several lines, a dotted key where a table is expected) is refused with its
// lines, never rewritten. Used by every add-, remove- and set- command.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "disk/interface.hpp"

namespace mailhandler::config {

// A TOML value the commands write.
using Value = std::variant<std::string, std::int64_t, bool, Date, std::vector<std::string>>;

using KeyPath = std::vector<std::string>;  // {"bouncer", "john", "text"}

// Sets a key, making its table ([bouncer.john]) at the end of its family when it is missing.
struct Set {
    KeyPath path;
    Value value;
};
// Removes a key, or a whole table with the comment lines that stand directly above its header.
// Nothing there: no change.
struct Unset {
    KeyPath path;
};
using Change = std::variant<Set, Unset>;

// `text` with the changes made. Errors: permanent, with file:line and what a person can do.
Result<std::string> edit(std::string_view text, const std::vector<Change>& changes,
                         const std::string& file);

// A unified diff with 3 lines of context, as `--dry-run` and every edit print; empty when equal.
std::string difference(std::string_view before, std::string_view after, const std::string& file);

// `value` as TOML: a basic string escaped, an array on one line, a local date.
std::string to_toml(const Value& value);

// The lock every edit of this root takes: ROOT/.edit.lock, waited for at most 10 seconds (then
// temporary). Held until destroyed.
Result<std::unique_ptr<disk::Lock>> lock_for_edit(disk::Disk& disk, const std::string& root);

}  // namespace mailhandler::config
