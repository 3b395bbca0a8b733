// A unified diff, as diff -u prints it.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/edit.hpp"

namespace mailhandler::config {
namespace {

constexpr std::size_t context = 3;
// Beyond this many changed lines the part between the first and the last is shown as replaced.
constexpr int most_differences = 1000;

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

// One line of the script that leads from a to b.
struct Step {
    char kind;  // ' ', '-', '+'
    std::size_t a, b;
};

// Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), greedy, over a[0, n) and
// b[0, m): the shortest script, or one that replaces all when that is longer than we care for.
class Script {
  public:
    Script(const Lines& a, const Lines& b) : a_(a), b_(b) {
        head_ = shared_head();
        tail_ = shared_tail();
    }

    std::vector<Step> steps() {
        std::vector<Step> steps;
        for (std::size_t i = 0; i < head_; ++i) steps.push_back({' ', i, i});
        const std::vector<Step> middle = between();
        steps.insert(steps.end(), middle.begin(), middle.end());
        for (std::size_t i = tail_; i > 0; --i)
            steps.push_back({' ', a_.size() - i, b_.size() - i});
        return steps;
    }

  private:
    std::size_t shared_head() const {
        std::size_t i = 0;
        while (i < a_.size() && i < b_.size() && a_[i] == b_[i]) ++i;
        return i;
    }
    std::size_t shared_tail() const {
        std::size_t i = 0;
        while (i + head_ < a_.size() && i + head_ < b_.size() &&
               a_[a_.size() - 1 - i] == b_[b_.size() - 1 - i])
            ++i;
        return i;
    }

    std::vector<Step> between() const {
        const int n = static_cast<int>(a_.size() - head_ - tail_);
        const int m = static_cast<int>(b_.size() - head_ - tail_);
        const int most = std::min(n + m, most_differences);
        std::vector<std::vector<int>> trace;
        std::vector<int> far(static_cast<std::size_t>(2 * most + 3), 0);
        const auto at = [most](int k) { return static_cast<std::size_t>(k + most + 1); };
        for (int d = 0; d <= most; ++d) {
            trace.push_back(far);
            for (int k = -d; k <= d; k += 2) {
                const bool down = k == -d || (k != d && far[at(k - 1)] < far[at(k + 1)]);
                int x = down ? far[at(k + 1)] : far[at(k - 1)] + 1;
                while (x < n && x - k < m && x - k >= 0 && line(a_, x) == line(b_, x - k)) ++x;
                far[at(k)] = x;
                if (x >= n && x - k >= m) return walk_back(trace, d, n, m, most);
            }
        }
        return replace_all(n, m);
    }

    std::vector<Step> walk_back(const std::vector<std::vector<int>>& trace, int d, int x, int y,
                                int most) const {
        std::vector<Step> steps;
        for (; d > 0; --d) {
            const std::vector<int>& far = trace[static_cast<std::size_t>(d)];
            const auto at = [&](int k) { return far[static_cast<std::size_t>(k + most + 1)]; };
            const int k = x - y;
            const bool down = k == -d || (k != d && at(k - 1) < at(k + 1));
            const int from = down ? at(k + 1) : at(k - 1);
            const int from_y = from - (down ? k + 1 : k - 1);
            while (x > from && y > from_y) steps.push_back(step(' ', --x, --y));
            steps.push_back(down ? step('+', x, --y) : step('-', --x, y));
        }
        while (x > 0 && y > 0) steps.push_back(step(' ', --x, --y));
        std::reverse(steps.begin(), steps.end());
        return steps;
    }

    std::vector<Step> replace_all(int n, int m) const {
        std::vector<Step> steps;
        for (int x = 0; x < n; ++x) steps.push_back(step('-', x, 0));
        for (int y = 0; y < m; ++y) steps.push_back(step('+', n, y));
        return steps;
    }

    std::string_view line(const Lines& lines, int i) const {
        return lines[head_ + static_cast<std::size_t>(i)];
    }
    Step step(char kind, int x, int y) const {
        return {kind, head_ + static_cast<std::size_t>(x), head_ + static_cast<std::size_t>(y)};
    }

    const Lines& a_;
    const Lines& b_;
    std::size_t head_ = 0, tail_ = 0;
};

// "start,count" of a hunk's header: from 1, and the line before for an empty range.
std::string range(std::size_t first, std::size_t count) {
    if (count == 1) return std::to_string(first + 1);
    return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

void print_hunk(const std::vector<Step>& steps, std::size_t from, std::size_t to, const Lines& a,
                const Lines& b, std::string& out) {
    std::size_t old_lines = 0, new_lines = 0;
    std::string body;
    for (std::size_t i = from; i < to; ++i) {
        const Step& step = steps[i];
        old_lines += step.kind != '+';
        new_lines += step.kind != '-';
        const std::string_view line = step.kind == '+' ? b[step.b] : a[step.a];
        body += step.kind;
        body += line;
        if (!line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    out += fmt::format("@@ -{} +{} @@\n", range(steps[from].a, old_lines),
                       range(steps[from].b, new_lines));
    out += body;
}

}  // namespace

std::string difference(std::string_view before, std::string_view after, const std::string& file) {
    if (before == after) return {};
    const Lines a = lines_of(before), b = lines_of(after);
    const std::vector<Step> steps = Script(a, b).steps();
    std::string out = fmt::format("--- {0}\n+++ {0}\n", file);
    for (std::size_t i = 0; i < steps.size();) {
        if (steps[i].kind == ' ') {
            ++i;
            continue;
        }
        const std::size_t from = i - std::min(i, context);
        // The hunk goes on while the next change is within reach of both contexts.
        std::size_t end = i + 1;
        for (std::size_t j = end; j < steps.size() && j < end + 2 * context + 1; ++j)
            if (steps[j].kind != ' ') end = j + 1;
        const std::size_t to = std::min(steps.size(), end + context);
        print_hunk(steps, from, to, a, b, out);
        i = to;
    }
    return out;
}

}  // namespace mailhandler::config
