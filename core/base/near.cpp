#include "base/near.hpp"

#include <algorithm>

namespace mailhandler {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows: a swap looks two rows back.
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[b.size()];
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
    const std::size_t allowed = std::clamp<std::size_t>(word.size() / 3, 1, 3);
    std::size_t best = allowed + 1;
    std::optional<std::string> found;
    for (const std::string& name : known) {
        // Lengths alone say that it is too far; names and words come from outside and may be long.
        const std::size_t longer = std::max(name.size(), word.size());
        if (longer - std::min(name.size(), word.size()) >= best) continue;
        const std::size_t distance = edit_distance(word, name);
        if (distance < best) {
            best = distance;
            found = name;
        }
    }
    return found;
}

}  // namespace mailhandler
