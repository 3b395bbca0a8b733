#include "config/splice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/section.hpp"

namespace mailhandler::config {
namespace {

constexpr std::size_t none = Statement::none;

std::string dotted(const KeyPath& path, std::size_t from = 0) {
    std::string out;
    for (std::size_t i = from; i < path.size(); ++i) {
        if (i > from) out += '.';
        out += to_key(path[i]);
    }
    return out;
}

}  // namespace

Splicer::Splicer(std::string_view text, const std::string& file)
    : text_(text), file_(file), statements_(scan(text_)) {
    const std::size_t end = text_.find('\n');
    if (end != std::string::npos && end > 0 && text_[end - 1] == '\r') usual_line_end_ = "\r\n";
}

// How `path` stands to the key head.tail: `above` is a table that path leads through, `below`
// something inside of path.
Splicer::Relation Splicer::relate(const KeyPath& path, const KeyPath& head, const KeyPath& tail) {
    const std::size_t size = head.size() + tail.size();
    const std::size_t common = std::min(size, path.size());
    for (std::size_t i = 0; i < common; ++i)
        if (path[i] != (i < head.size() ? head[i] : tail[i - head.size()]))
            return Relation::unrelated;
    if (size == path.size()) return Relation::same;
    return size < path.size() ? Relation::above : Relation::below;
}

Splicer::Relation Splicer::relate(const KeyPath& path, const Statement& statement) const {
    if (statement.is_header()) return relate(path, statement.header, {});
    if (statement.kind == Statement::Kind::pair)
        return relate(path, section_of(statement), statement.pair.key);
    return Relation::unrelated;
}

const KeyPath& Splicer::section_of(const Statement& statement) const {
    static const KeyPath top;
    return statement.section == none ? top : statements_[statement.section].header;
}

Result<> Splicer::set(const KeyPath& path, const std::string& value) {
    for (const Statement& statement : statements_) {
        const Relation relation = relate(path, statement);
        if (relation == Relation::unrelated) continue;
        if (statement.kind == Statement::Kind::table_list && relation != Relation::below)
            return refuse(statement.number, "this is a list of tables, [[…]]");
        if (relation == Relation::below ||
            (statement.is_header() && relation == Relation::same))
            return refuse(statement.number, dotted(path) + " is a table here");
        if (statement.is_header()) continue;
        if (relation == Relation::same) return replace(statement.pair, statement.number, value);
        const KeyPath rest(path.begin() + static_cast<std::ptrdiff_t>(
                                              section_of(statement).size() +
                                              statement.pair.key.size()),
                           path.end());
        return set_inline(statement.pair, statement.number, rest, value);
    }
    return add(path, value);
}

Result<> Splicer::make_table(const KeyPath& path) {
    std::size_t shared_dotted = 0, shared_header = 0;
    for (const Statement& statement : statements_)
        if (statement.kind == Statement::Kind::pair && relate(path, statement) == Relation::above)
            return set(path, "{}");
    const std::size_t sibling = dotted_sibling(path, shared_dotted);
    family_end(path, shared_header);
    if (sibling != none && shared_dotted > shared_header) return set(path, "{}");
    insert_section(path, {});
    return {};
}

Result<> Splicer::add(const KeyPath& path, const std::string& value) {
    const KeyPath table(path.begin(), path.end() - 1);
    const std::string line = to_key(path.back()) + " = " + value;
    for (std::size_t i = 0; i < statements_.size(); ++i)
        if (statements_[i].kind == Statement::Kind::table && statements_[i].header == table) {
            const std::size_t last = last_pair_of(i);
            insert_pair_after(last == none ? body_end(i) : last, line);
            return {};
        }
    if (table.empty()) {
        const std::size_t last = last_pair_of(none);
        if (last == none)
            insert_first_pair(line);
        else
            insert_pair_after(last, line);
        return {};
    }
    std::size_t shared_dotted = 0, shared_header = 0;
    const std::size_t sibling = dotted_sibling(table, shared_dotted);
    family_end(table, shared_header);
    if (sibling != none && (shared_dotted == table.size() || shared_dotted > shared_header)) {
        const std::size_t from = section_of(statements_[sibling]).size();
        insert_pair_after(sibling, dotted(path, from) + " = " + value);
        return {};
    }
    insert_section(table, line);
    return {};
}

Result<> Splicer::replace(const Pair& pair, unsigned line, const std::string& value) {
    const std::string_view old = pair.value.of(text_);
    if (old.starts_with('{')) return refuse(line, dotted(pair.key) + " is a table here");
    if (pair.commented)
        return refuse(line, fmt::format("the list {} holds comments, which would be lost; change "
                                        "it by hand",
                                        dotted(pair.key)));
    splice(pair.value, value);
    return {};
}

Result<> Splicer::set_inline(const Pair& table, unsigned line, KeyPath rest,
                             const std::string& value) {
    const std::string_view braces = table.value.of(text_);
    if (!braces.starts_with('{')) return refuse(line, dotted(table.key) + " is not a table");
    if (braces.find('\n') != std::string_view::npos)
        return refuse(line, fmt::format("the table {} stands in braces over several lines; change "
                                        "it by hand",
                                        dotted(table.key)));
    for (const Pair& pair : scan_inline(text_, table.value)) {
        const Relation relation = relate(rest, pair.key, {});
        if (relation == Relation::unrelated) continue;
        if (relation == Relation::below) return refuse(line, dotted(rest) + " is a table here");
        if (relation == Relation::same) return replace(pair, line, value);
        rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(pair.key.size()));
        return set_inline(pair, line, std::move(rest), value);
    }
    return add_inline(table, rest, value);
}

Result<> Splicer::add_inline(const Pair& table, const KeyPath& rest,
                             const std::string& value) {
    const std::vector<Pair> pairs = scan_inline(text_, table.value);
    const std::string text = dotted(rest) + " = " + value;
    if (pairs.empty())
        splice(table.value, "{ " + text + " }");
    else
        splice({pairs.back().value.end, pairs.back().value.end}, ", " + text);
    return {};
}

Result<> Splicer::unset(const KeyPath& path) {
    std::vector<bool> doomed(statements_.size());
    bool any = false;
    for (std::size_t i = 0; i < statements_.size(); ++i) {
        const Statement& statement = statements_[i];
        const Relation relation = relate(path, statement);
        if (relation == Relation::unrelated) continue;
        if (relation == Relation::above && statement.is_header()) {
            if (statement.kind == Statement::Kind::table_list)
                return refuse(statement.number, "this is a list of tables, [[…]]");
            continue;
        }
        if (relation == Relation::above) {
            const KeyPath rest(path.begin() + static_cast<std::ptrdiff_t>(
                                                  section_of(statement).size() +
                                                  statement.pair.key.size()),
                               path.end());
            const auto removed = unset_inline(statement.pair, statement.number, rest);
            if (!removed) return tl::unexpected(removed.error());
            return *removed ? unset(path) : Result<>{};
        }
        any = true;
        if (!statement.is_header()) {
            doomed[i] = true;
            continue;
        }
        const std::size_t last = last_pair_of(i);
        const std::size_t end = body_end(last == none ? i : last);
        for (std::size_t j = comment_start(i); j <= end; ++j) doomed[j] = true;
    }
    if (any) remove_statements(doomed);
    return {};
}

// Removes the first of what lies at or below `rest` in an inline table; false: nothing was there.
Result<bool> Splicer::unset_inline(const Pair& table, unsigned line, const KeyPath& rest) {
    const std::string_view braces = table.value.of(text_);
    if (!braces.starts_with('{')) return false;
    if (braces.find('\n') != std::string_view::npos)
        return refuse(line, fmt::format("the table {} stands in braces over several lines; change "
                                        "it by hand",
                                        dotted(table.key)));
    const std::vector<Pair> pairs = scan_inline(text_, table.value);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Relation relation = relate(rest, pairs[i].key, {});
        if (relation == Relation::unrelated) continue;
        if (relation == Relation::above)
            return unset_inline(pairs[i], line,
                                KeyPath(rest.begin() + static_cast<std::ptrdiff_t>(
                                                           pairs[i].key.size()),
                                        rest.end()));
        if (i + 1 < pairs.size())
            splice({pairs[i].place.begin, pairs[i + 1].place.begin}, "");
        else
            splice({i > 0 ? pairs[i - 1].place.end : pairs[i].place.begin, pairs[i].place.end}, "");
        return true;
    }
    return false;
}

void Splicer::remove_statements(const std::vector<bool>& doomed) {
    std::vector<bool> gone = doomed;
    const std::size_t count = statements_.size();
    const auto blank = [&](std::size_t i) {
        return i < count && statements_[i].kind == Statement::Kind::blank;
    };
    for (std::size_t i = 0; i < count; ++i) {
        if (!doomed[i] || (i > 0 && doomed[i - 1])) continue;
        std::size_t end = i;
        bool section = false;
        for (; end < count && doomed[end]; ++end) section |= statements_[end].is_header();
        if (!section) continue;
        // A table stood between two blank lines: one of them goes with it.
        std::size_t before = i;
        while (before > 0 && gone[before - 1]) --before;
        const bool free_before = before == 0 || blank(before - 1);
        if (free_before && blank(end))
            gone[end] = true;
        else if (before > 0 && blank(before - 1) && end == count)
            gone[before - 1] = true;
    }
    std::string kept;
    kept.reserve(text_.size());
    std::size_t copied = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (!gone[i]) continue;
        kept.append(text_, copied, statements_[i].lines.begin - copied);
        copied = statements_[i].lines.end;
    }
    kept.append(text_, copied, std::string::npos);
    text_ = std::move(kept);
    statements_ = scan(text_);
}

void Splicer::splice(Span place, std::string_view with) {
    text_.replace(place.begin, place.size(), with);
    statements_ = scan(text_);
}

tl::unexpected<Fault> Splicer::refuse(unsigned line, std::string cause) const {
    return fail(fmt::format("{}:{}", file_, line), std::move(cause), false);
}

}  // namespace mailhandler::config
