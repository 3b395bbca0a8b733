// A walk over an unfolded header field, octet by octet: what the readers of its grammars share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mailhandler::mail {

constexpr bool is_wsp(char c) { return c == ' ' || c == '\t'; }

class FieldWalk {
  public:
    explicit FieldWalk(std::string_view text) : text_(text) {}

    bool done() const { return at_ >= text_.size(); }
    char peek() const { return done() ? '\0' : text_[at_]; }
    bool take(char c) {
        if (done() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    // What stands between the quote here and the next, or the end, without what escapes.
    std::string quoted() {
        std::string text;
        for (++at_; !done() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
            text += text_[at_];
        }
        take('"');
        return text;
    }

  protected:
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace mailhandler::mail
