// The places where an edit cuts: one change at a time, on the text alone.
//
// What comes out is only proposed; edit() lets toml++ judge it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/edit.hpp"
#include "config/scan.hpp"

namespace mailhandler::config {

class Splicer {
  public:
    Splicer(std::string_view text, const std::string& file);

    // Each fails, changing nothing, when the shape of the text does not allow the change.
    Result<> set(const KeyPath& path, const std::string& value);
    Result<> make_table(const KeyPath& path);
    Result<> unset(const KeyPath& path);

    const std::string& text() const { return text_; }

  private:
    enum class Relation { unrelated, same, above, below };
    static Relation relate(const KeyPath& path, const KeyPath& head, const KeyPath& tail);
    Relation relate(const KeyPath& path, const Statement& statement) const;
    const KeyPath& section_of(const Statement& statement) const;

    // Puts `key` = `value` into the table of `path`, which has no such key yet.
    Result<> add(const KeyPath& path, const std::string& value);
    Result<> add_inline(const Pair& table, const KeyPath& rest, const std::string& value);
    Result<> set_inline(const Pair& table, unsigned line, KeyPath rest, const std::string& value);
    Result<bool> unset_inline(const Pair& table, unsigned line, const KeyPath& rest);
    Result<> replace(const Pair& pair, unsigned line, const std::string& value);

    void insert_pair_after(std::size_t index, const std::string& line);
    void insert_first_pair(const std::string& line);
    void insert_section(const KeyPath& header, const std::string& line);
    void remove_statements(const std::vector<bool>& doomed);

    std::size_t last_pair_of(std::size_t header) const;
    std::size_t body_end(std::size_t index) const;
    std::size_t comment_start(std::size_t header) const;
    std::size_t family_end(const KeyPath& header, std::size_t& shared) const;
    std::size_t dotted_sibling(const KeyPath& table, std::size_t& shared) const;

    std::string indentation(const Statement& statement) const;
    std::string line_end(const Statement& statement) const;
    void splice(Span place, std::string_view with);
    tl::unexpected<Fault> refuse(unsigned line, std::string cause) const;

    std::string text_;
    const std::string& file_;
    std::string usual_line_end_ = "\n";
    std::vector<Statement> statements_;
};

}  // namespace mailhandler::config
