// "Did you mean …?": the known name nearest to a misspelt one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`: optimal
// string alignment, counted in octets.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, where one is near enough to be meant: within a third of the word's
// length (at least one edit, at most three). The first of several equally near.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace mailhandler
