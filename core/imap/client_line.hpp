// Responses of an IMAP server as a client reads them (RFC 3501 section 7, RFC 9051 section 7), line
// by line: what kind it is, and its first words. What FETCH brings is read by client_fetch.hpp.
// Servers are not believed: whatever is none of these is `unknown`, and its reader ends the session.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailhandler::imap {

struct ServerLine {
    enum class Kind {
        unknown,
        continuation,  // "+ text": text
        tagged,        // "a7 OK …": tag, status, code, text
        status,        // "* OK …", NO, BAD, BYE, PREAUTH: status, code, text
        data,          // "* CAPABILITY …", "* 12 EXISTS": word, number, text
    };
    enum class Status { ok, no, bad, bye, preauth };

    Kind kind = Kind::unknown;
    std::uint64_t tag = 0;            // the number behind our "a"
    Status status = Status::bad;
    std::string_view code;            // without its brackets: "UIDVALIDITY 7", "" where none
    std::string_view word;            // of data, as written
    std::optional<std::uint32_t> number;  // in front of it
    std::string_view text;            // behind all that
};

// `line` is without its CRLF; the views point into it.
ServerLine parse_server_line(std::string_view line);

// Without regard to case, as everything in IMAP is compared.
bool is(std::string_view a, std::string_view b);
// The code's name is this one; its argument, "" where none.
std::optional<std::string_view> code_argument(const ServerLine& line, std::string_view name);

// Takes the next word off `text`: up to a space. "" at its end.
std::string_view take_word(std::string_view& text);
// All of `digits`, or nothing: an unsigned number that fits.
std::optional<std::uint64_t> whole_number(std::string_view digits);

// The octets that follow a line that ends in a literal, "{12}" or "~{12}" (RFC 3501 section 4.3).
// Nothing where it does not; nobody may ask for lines of text, where "{12}" is just text.
struct Announced {
    std::uint64_t octets = 0;
    bool sane = true;  // false: it looks like a literal and is none
};
std::optional<Announced> literal_at_end(std::string_view line);

}  // namespace mailhandler::imap
