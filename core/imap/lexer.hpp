// The words of IMAP, one after the other: atoms, strings, literals, numbers (RFC 9051 section 9).
// The same for commands and for responses.
//
// It works on one whole command or response, literals in their places: "{3}\r\nabc". A function
// that finds its word takes it and gives it; one that does not takes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailhandler::imap {

// ASCII letters without regard to case.
bool same_word(std::string_view a, std::string_view b);
std::string upper(std::string_view word);

// ATOM-CHAR = <any CHAR except atom-specials>
bool atom_char(char c);

// At the end of a line: "{" number ["+"] "}", "~{" … : the announcement of a literal.
struct LiteralMark {
    std::uint64_t size = 0;     // octets; the greatest number there is where it does not fit
    bool synchronizing = true;  // the sender waits for "+" (RFC 7888)
    bool binary = false;        // literal8: NUL may be among them (RFC 3516)
    std::size_t at = 0;         // where in the line it begins
};
std::optional<LiteralMark> literal_mark(std::string_view line);

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    bool at_end() const { return at_ == text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[at_]; }
    std::string_view rest() const { return text_.substr(at_); }

    bool take(char c);
    bool space() { return take(' '); }
    // This word, case-insensitive, with no further ATOM-CHAR behind it.
    bool word(std::string_view word);

    std::optional<std::string_view> tag();   // 1*<any ASTRING-CHAR except "+">
    std::optional<std::string_view> atom();  // 1*ATOM-CHAR
    // Everything up to a space or parenthesis or the end; not empty. For flags ("\Seen") and sets.
    std::optional<std::string_view> token();
    std::optional<std::string> string();        // quoted / literal / literal8
    std::optional<std::string> astring();       // 1*ASTRING-CHAR / string
    std::optional<std::string> list_mailbox();  // 1*list-char / string
    // number64; at most 63 bits (RFC 7162 section 7)
    std::optional<std::uint64_t> number();
    std::optional<std::uint32_t> number32();
    std::optional<std::uint32_t> nz_number();

  private:
    template <class Accepts>
    std::optional<std::string_view> run(Accepts accepts);
    std::optional<std::string> quoted();
    std::optional<std::string> literal();

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace mailhandler::imap
