// Where a new line or a new table goes.
#include <algorithm>

#include "config/section.hpp"
#include "config/splice.hpp"

namespace mailhandler::config {
namespace {

constexpr std::size_t none = Statement::none;

std::size_t shared_prefix(const KeyPath& a, const KeyPath& b) {
    const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

// The last key = value of the table whose header is statement `header` (none: the top).
std::size_t Splicer::last_pair_of(std::size_t header) const {
    std::size_t last = none;
    for (std::size_t i = header == none ? 0 : header + 1; i < statements_.size(); ++i) {
        if (statements_[i].is_header()) break;
        if (statements_[i].kind == Statement::Kind::pair) last = i;
    }
    return last;
}

// The last statement that belongs with `index`, the last pair or the header of a table: itself, or
// the comment lines directly below. A comment directly above the next header belongs to that.
std::size_t Splicer::body_end(std::size_t index) const {
    std::size_t end = index + 1;
    while (end < statements_.size() && statements_[end].kind == Statement::Kind::comment) ++end;
    const bool free = end == statements_.size() ||
                      statements_[end].kind == Statement::Kind::blank;
    return free ? end - 1 : index;
}

// The first of the comment lines that stand directly above a header.
std::size_t Splicer::comment_start(std::size_t header) const {
    while (header > 0 && statements_[header - 1].kind == Statement::Kind::comment) --header;
    return header;
}

// The last statement of the tables nearest to `header`: those that share most of its first parts.
// None when no table shares the first one.
std::size_t Splicer::family_end(const KeyPath& header, std::size_t& shared) const {
    shared = 0;
    std::size_t nearest = none;
    for (std::size_t i = 0; i < statements_.size(); ++i) {
        if (!statements_[i].is_header()) continue;
        const std::size_t common = shared_prefix(statements_[i].header, header);
        if (common == 0 || common < shared) continue;
        shared = common;
        nearest = i;
    }
    if (nearest == none) return none;
    const std::size_t last = last_pair_of(nearest);
    return body_end(last == none ? nearest : last);
}

// The last pair whose dotted key makes `table`, or most of what leads to it; none: there is none.
std::size_t Splicer::dotted_sibling(const KeyPath& table, std::size_t& shared) const {
    shared = 0;
    std::size_t nearest = none;
    for (std::size_t i = 0; i < statements_.size(); ++i) {
        const Statement& statement = statements_[i];
        if (statement.kind != Statement::Kind::pair || statement.pair.key.size() < 2) continue;
        const KeyPath& head = section_of(statement);
        if (head.size() > table.size() || shared_prefix(head, table) != head.size()) continue;
        if (statement.section != none &&
            statements_[statement.section].kind == Statement::Kind::table_list)
            continue;
        std::size_t common = head.size();
        for (std::size_t k = 0; k + 1 < statement.pair.key.size() && common < table.size() &&
                                statement.pair.key[k] == table[common];
             ++k)
            ++common;
        if (common == head.size() || common < shared) continue;
        shared = common;
        nearest = i;
    }
    return nearest;
}

std::string Splicer::indentation(const Statement& statement) const {
    const std::string_view line = statement.lines.of(text_);
    return std::string(line.substr(0, std::min(line.find_first_not_of(" \t"), line.size())));
}

// How the statement's lines end; where the file stops short of that, how the others do.
std::string Splicer::line_end(const Statement& statement) const {
    const std::string_view line = statement.lines.of(text_);
    if (line.ends_with("\r\n")) return "\r\n";
    return line.ends_with('\n') ? "\n" : usual_line_end_;
}

// A last line without a line end stays one: the new line then brings its end along in front.
void Splicer::insert_pair_after(std::size_t index, const std::string& line) {
    const Statement& statement = statements_[index];
    const std::size_t at = statement.lines.end;
    const std::string end = line_end(statement);
    const bool open = !statement.lines.of(text_).ends_with('\n');
    const std::string text = indentation(statement) + line;
    splice({at, at}, open ? end + text : text + end);
}

void Splicer::insert_first_pair(const std::string& line) {
    const auto header = std::find_if(statements_.begin(), statements_.end(),
                                     [](const Statement& s) { return s.is_header(); });
    if (header != statements_.end()) {
        const std::size_t first =
            comment_start(static_cast<std::size_t>(header - statements_.begin()));
        const std::size_t at = statements_[first].lines.begin;
        splice({at, at}, line + usual_line_end_ + usual_line_end_);
    } else if (statements_.empty()) {
        text_ += line + usual_line_end_;
        splice({text_.size(), text_.size()}, "");
    } else {
        const Statement& last = statements_.back();
        const std::string end = line_end(last);
        const bool open = !last.lines.of(text_).ends_with('\n');
        const std::size_t at = text_.size();
        splice({at, at}, open ? end + line : line + end);
    }
}

// A table of its own, with one line in it or none, behind its family, else at the file's end. A
// blank line keeps it apart on both sides.
void Splicer::insert_section(const KeyPath& header, const std::string& line) {
    std::size_t shared = 0;
    std::size_t last = family_end(header, shared);
    if (last == none && !statements_.empty()) last = statements_.size() - 1;
    std::string end = usual_line_end_, indent;
    bool open = false, room_above = true, room_below = true;
    std::size_t at = text_.size();
    if (last != none) {
        const Statement& before = statements_[last];
        at = before.lines.end;
        end = line_end(before);
        open = !before.lines.of(text_).ends_with('\n');
        room_above = before.kind == Statement::Kind::blank && !open;
        room_below = last + 1 == statements_.size() ||
                     statements_[last + 1].kind == Statement::Kind::blank;
        if (shared > 0) {
            std::size_t nearest = last;
            while (nearest > 0 && !statements_[nearest].is_header()) --nearest;
            indent = indentation(statements_[nearest]);
        }
    }
    std::string text;
    if (open) text += end;
    if (!room_above) text += end;
    text += indent + '[';
    for (std::size_t i = 0; i < header.size(); ++i) text += (i ? "." : "") + to_key(header[i]);
    text += ']' + end;
    if (!line.empty()) text += indent + line + end;
    if (open) text.resize(text.size() - end.size());
    if (!room_below) text += end;
    splice({at, at}, text);
}

}  // namespace mailhandler::config
