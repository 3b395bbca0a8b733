#include "mail/address_list.hpp"

#include <algorithm>

#include "mail/field_walk.hpp"
#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

using Kind = ListedAddress::Kind;

class Reader : FieldWalk {
  public:
    using FieldWalk::FieldWalk;

    std::vector<ListedAddress> read() {
        while (!done() && found_.size() < address_limit) {
            skip_space();
            if (take(',')) continue;
            if (take(';'))
                end_group();
            else if (!done())
                address();
        }
        end_group();
        return std::move(found_);
    }

  private:
    bool at_any(std::string_view those) const {
        return done() || those.find(text_[at_]) != those.npos;
    }

    void end_group() {
        if (in_group_) found_.push_back({Kind::group_end, {}, {}, {}, {}});
        in_group_ = false;
    }

    // [CFWS]; the last comment that is not empty is remembered. True where there was any.
    bool skip_space() {
        const std::size_t begin = at_;
        while (!done()) {
            if (is_wsp(text_[at_]))
                ++at_;
            else if (text_[at_] != '(' || !comment())
                break;
        }
        return at_ > begin;
    }

    // A comment that never closes is no comment: its parenthesis is a character like others.
    bool comment() {
        if (at_ >= unclosed_) return false;
        std::string text;
        int depth = 0;
        for (std::size_t i = at_; i < text_.size(); ++i) {
            const char c = text_[i];
            if (c == ')' && --depth == 0) {
                if (!text.empty()) comment_ = std::move(text);
                at_ = i + 1;
                return true;
            }
            if (c == '\\' && i + 1 < text_.size())
                text += text_[++i];
            else if (c != '(' || depth++ > 0)
                text += c;
        }
        unclosed_ = at_;
        return false;
    }

    // Words up to one of `stops`, joined as they stood: one space for whatever white space or
    // comment was between two. `spaced` false: none beside a dot (obs-local-part).
    std::string words(std::string_view stops, bool spaced) {
        std::string text;
        bool space = false;
        while (!at_any(stops)) {
            if (skip_space()) {
                space = true;
                continue;
            }
            if (space && !text.empty() && (spaced || (text.back() != '.' && peek() != '.')))
                text += ' ';
            space = false;
            if (peek() == '"')
                text += quoted();
            else
                text += text_[at_++];
        }
        return text;
    }

    // address = mailbox / group
    void address() {
        comment_.clear();
        const std::size_t begin = at_;
        std::string phrase = words("<,;:@", true);
        if (peek() == ':' && !in_group_) {
            ++at_;
            in_group_ = true;
            found_.push_back({Kind::group_begin, std::move(phrase), {}, {}, {}});
            return;
        }
        ListedAddress one;
        if (peek() == '@') {
            at_ = begin;
            one = addr_spec(",;<");
            if (peek() == '<') one.name = name_before_bracket(begin);
        } else if (peek() == '<') {
            one.name = std::move(phrase);
        } else {
            if (take(':')) return;
            one.local = std::move(phrase);
        }
        if (take('<')) angle(one);
        rest();
        if (one.name.empty()) one.name = unfold(comment_);
        if (!one.name.empty() || !one.local.empty() || !one.domain.empty() || angled_)
            found_.push_back(std::move(one));
        angled_ = false;
    }

    // anne@example.org <anne@example.org>: a name that needed quotes. Behind a quote that never closes
    // there is no bracket; that is tried once, for each time is as long as the field.
    std::string name_before_bracket(std::size_t begin) {
        const std::size_t bracket = at_;
        if (quotes_close_) {
            at_ = begin;
            std::string name = words("<", true);
            if (!done()) return name;
            quotes_close_ = false;
            at_ = bracket;
        }
        return std::string(text_.substr(begin, bracket - begin));
    }

    // addr-spec = local-part "@" domain, with the space that obs-local-part has around dots.
    ListedAddress addr_spec(std::string_view stops) {
        ListedAddress one;
        one.local = words(std::string(stops) + "@", false);
        if (take('@')) {
            skip_space();
            one.domain = domain(stops);
        }
        return one;
    }

    // domain = dot-atom / domain-literal / obs-domain
    std::string domain(std::string_view stops) {
        std::string text;
        bool dot = true;  // white space may follow or precede one
        while (!at_any(stops)) {
            if (peek() == '[') {
                const std::size_t end = std::min(text_.find(']', at_), text_.size() - 1);
                text.append(text_, at_, end + 1 - at_);
                at_ = end + 1;
            } else if (skip_space()) {
                if (!dot && peek() != '.') break;
                continue;
            } else {
                dot = peek() == '.';
                text += text_[at_++];
            }
        }
        return text;
    }

    // angle-addr = "<" [obs-route] addr-spec ">"
    void angle(ListedAddress& one) {
        angled_ = true;
        skip_space();
        if (peek() == '@' && routes_) {
            const std::size_t begin = at_;
            one.route = words(":>", false);
            routes_ = !done();
            if (!take(':')) {
                one.route.clear();
                at_ = begin;
            }
        }
        // A bracket that never closes must not swallow the other addresses.
        closes_ = closes_ && text_.find('>', at_) != text_.npos;
        ListedAddress spec = addr_spec(closes_ ? ">" : ">,;");
        one.local = std::move(spec.local);
        one.domain = std::move(spec.domain);
        if (closes_) at_ = std::min(text_.find('>', at_), text_.size());
        take('>');
    }

    // What follows an address up to the comma that ends it; comments in it may name the person.
    void rest() {
        while (!at_any(",;")) {
            if (skip_space()) continue;
            if (peek() == '"')
                quoted();
            else
                ++at_;
        }
    }

    std::size_t unclosed_ = std::string_view::npos;  // from here on no parenthesis opens a comment
    bool closes_ = true;     // there is a > ahead
    bool routes_ = true;     // there may be a route ahead
    bool quotes_close_ = true;
    bool in_group_ = false;
    bool angled_ = false;
    std::string comment_;
    std::vector<ListedAddress> found_;
};

}  // namespace

std::vector<ListedAddress> parse_address_list(std::string_view body) {
    const std::string text = unfold(body);
    return Reader(text).read();
}

}  // namespace mailhandler::mail
