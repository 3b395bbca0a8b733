// SMTP replies as values, and how they are written (RFC 5321 section 4.2, RFC 2034).
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace mailhandler::smtp {

// A reply: code, enhanced code (RFC 3463) and text. `text` may hold several lines, '\n' between.
struct Reply {
    int code = 250;
    std::string enhanced;  // "5.1.1"; empty where none belongs (greeting, EHLO, 354)
    std::string text;

    bool positive() const { return code < 400; }
};

// Something understood, or the reply that says what was wrong with it.
template <class T>
using Understood = tl::expected<T, Reply>;

inline tl::unexpected<Reply> refused(int code, std::string enhanced, std::string text) {
    return tl::unexpected<Reply>(Reply{code, std::move(enhanced), std::move(text)});
}

// What stands for an answer that was not given: not understood is temporary.
inline Reply no_answer() {
    return {451, "4.3.0", "Something went wrong here; please try again later"};
}

// Appends the reply's lines, each with code and enhanced code, ended by CRLF. Control characters
// in the text become spaces (it may come from a configuration file, or quote a peer), and a line
// is cut where it would pass the 512 octets of RFC 5321 section 4.5.3.1.5.
void write(std::string& into, const Reply& reply);

}  // namespace mailhandler::smtp
