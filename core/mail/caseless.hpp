// Comparing and searching text without regard to case: i;unicode-casemap (RFC 5051), as IMAP's
// SEARCH, SORT and THREAD want it. libunistring lives behind this; ASCII never reaches it.
#pragma once

#include <string>
#include <string_view>

namespace mailhandler::mail {

// The form in which texts are compared octet by octet: folded, and compatibility decomposed (é is
// e and an accent). `utf8` must be well-formed.
std::string caseless(std::string_view utf8);
void append_caseless(std::string& text, std::string_view utf8);

// Looks for a text in another that comes in pieces.
class CaselessFinder {
  public:
    // `needle` is in caseless() form. An empty one is found in anything.
    explicit CaselessFinder(std::string_view needle) : needle_(needle), found_(needle.empty()) {}

    // The next piece, well-formed UTF-8.
    void feed(std::string_view utf8);
    bool found() const { return found_; }

  private:
    std::string_view needle_;
    bool found_;
    std::string window_;  // the end of what was there, which may be the beginning of it
};

}  // namespace mailhandler::mail
