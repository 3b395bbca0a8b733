// Changing one thing in a TOML file that a person also edits: every other octet stays.
//
// An edit is a splice: locate the value, replace just those bytes, parse again, and require that
// the model is the old one but for the change asked for. A shape that cannot be spliced safely (an
// inline table over several lines, a dotted key where a table is expected) is refused with its
// lines, never rewritten. Line ends (LF, CRLF), a byte order mark, indentation, trailing comments
// and a missing last line end stay as they are. Used by every add-, remove- and set- command.
#pragma once

#include <functional>
#include <memory>
#include <optional>
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

// Sets a key, making its table ([bouncer.john]) at the end of its family when it is missing. A list
// that holds comments is not replaced but refused. The same value already there: no change.
struct Set {
    KeyPath path;
    Value value;
};
// Removes a key with its line, or a whole table with the comment lines that stand directly above
// its header or below its last key, and one of the blank lines around it. Nothing there: no change.
struct Unset {
    KeyPath path;
};
// Makes an empty table, [bouncer.john], at the end of its family. Already there: no change.
struct Make {
    KeyPath path;
};
using Change = std::variant<Set, Unset, Make>;

// `text` with the changes made, in order. Keys are compared as they are spelled: the caller takes
// the spelling from the loaded value (Mailbox::spelling). Errors: permanent, with file:line and what
// a person can do.
Result<std::string> edit(std::string_view text, const std::vector<Change>& changes,
                         const std::string& file);

// A unified diff with 3 lines of context, as `--dry-run` and every edit print; empty when equal.
std::string difference(std::string_view before, std::string_view after, const std::string& file);

// `value` as TOML: a basic string escaped, an array on one line, a local date.
std::string to_toml(const Value& value);

// The lock every edit of this root takes: ROOT/.edit.lock, waited for at most 10 seconds (then
// temporary). Held until destroyed.
Result<std::unique_ptr<disk::Lock>> lock_for_edit(disk::Disk& disk, const std::string& root);

// The problems `text` would have as the file of this name ("mailhandler.toml", "domains/x.toml",
// "fetch/y.toml"), as the server would see them; another name is one problem.
std::vector<Problem> problems_of(std::string_view text, const std::string& file);

struct Edited {
    std::string file;  // as given
    std::string before, after;
    bool created = false;
    std::vector<Problem> warnings;
    std::optional<route::Domain> domain;  // of a domain file: what it says now

    bool changed() const { return created || before != after; }
    std::string diff() const { return difference(before, after, file); }
};

// More to ask of the new text than problems_of(): what other files say about it, for example.
using Validate = std::function<std::vector<Problem>(std::string_view after)>;

// Makes `changes` in `file` (relative to `root`) and replaces it durably, unless `dry_run` or
// nothing changed. The new text must be right as the server would see it and by `validate` (may be
// empty). The file keeps its permissions; one that is missing is made, 0640. A symbolic link is
// refused: the file it points to is to be edited. The caller holds lock_for_edit().
// Errors: permanent for the file's shape or content (all problems, one a line); the disk's own.
Result<Edited> edit_file(disk::Disk& disk, const std::string& root, const std::string& file,
                         const std::vector<Change>& changes, const Validate& validate = {},
                         bool dry_run = false);

}  // namespace mailhandler::config
