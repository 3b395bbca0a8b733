// Printers: what a command knows becomes text for people or JSON for programs here, so that
// the commands themselves only gather it.
#pragma once

#include <concepts>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::cmd {

// Writes one JSON document after another, each on a line of its own, member by member: nothing is
// held in memory. Text that is not UTF-8 is written with U+FFFD in its place (RFC 8259 section 8.1).
class Json {
  public:
    explicit Json(std::ostream& out) : out_(out) {}

    Json& object();  // begins one, as a document or as an element of an array
    Json& array();
    Json& object(std::string_view key);  // begins one, as a member
    Json& array(std::string_view key);
    Json& end();  // of the innermost object or array; ends the line with the outermost

    template <class T>
    Json& member(std::string_view key, const T& value) {
        name(key);
        write(value);
        return *this;
    }
    template <class T>
    Json& element(const T& value) {
        separate();
        write(value);
        return *this;
    }

  private:
    void name(std::string_view key);
    void separate();
    void begin(char bracket);
    void write(std::string_view text);
    void write(const char* text) { write(std::string_view(text)); }
    void write(const std::string& text) { write(std::string_view(text)); }
    void write(std::nullptr_t) { out_ << "null"; }
    void write(double value);  // with three decimals
    template <std::integral T>
    void write(T value) {
        if constexpr (std::same_as<T, bool>)
            out_ << (value ? "true" : "false");
        else
            out_ << +value;
    }
    void write(const std::vector<std::string>& texts);

    std::ostream& out_;
    std::string open_;  // the brackets that are open: "{", "["
    bool first_ = true;
};

// Rows of text in columns as wide as their widest cell; the last column is not padded. Control
// characters are shown as \xHH.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows);

// Display columns of UTF-8 text, one for each character.
std::size_t display_width(std::string_view text);

// "1.5 GiB", "312 B".
std::string size_text(std::uint64_t octets);

}  // namespace mailhandler::cmd
