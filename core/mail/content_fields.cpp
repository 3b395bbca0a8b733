#include "mail/content_fields.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "mail/field_walk.hpp"
#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

// tspecials of RFC 2045 section 5.1, and white space.
bool ends_token(char c) {
    return is_wsp(c) || std::string_view("()<>@,;:\\\"/[]?=").find(c) != std::string_view::npos;
}

class Reader : public FieldWalk {
  public:
    using FieldWalk::FieldWalk;

    void skip_to(char c) { at_ = std::min(text_.find(c, at_), text_.size()); }

    // White space and comments, RFC 5322 section 3.2.2. A comment that never closes is no comment.
    void skip_space() {
        for (;;) {
            while (!done() && is_wsp(text_[at_])) ++at_;
            if (peek() != '(' || !skip_comment()) return;
        }
    }

    std::string_view token() {
        const std::size_t begin = at_;
        while (!done() && !ends_token(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }

    // attribute: like a token, and whatever else stands before the equals sign.
    std::string_view attribute() {
        const std::size_t begin = at_;
        while (!done() && text_[at_] != '=' && text_[at_] != ';' && !is_wsp(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }

    std::string value() { return peek() == '"' ? quoted() : bare(); }

  private:
    bool skip_comment() {
        if (unclosed_) return false;
        int depth = 0;
        for (std::size_t i = at_; i < text_.size(); ++i) {
            if (text_[i] == '\\') {
                ++i;
            } else if (text_[i] == '(') {
                ++depth;
            } else if (text_[i] == ')' && --depth == 0) {
                at_ = i + 1;
                return true;
            }
        }
        unclosed_ = true;  // asked once only: the walk stays linear
        return false;
    }

    // Until the semicolon. White space is part of it (file names without quotes) unless a comment
    // or, with the semicolon forgotten, another attribute follows.
    std::string bare() {
        std::string text;
        while (!done() && text_[at_] != ';') {
            if (!is_wsp(text_[at_])) {
                text += text_[at_++];
                continue;
            }
            const std::size_t space = at_;
            while (!done() && is_wsp(text_[at_])) ++at_;
            if (done() || text_[at_] == ';' || text_[at_] == '(' || attribute_follows()) break;
            text.append(text_, space, at_ - space);
        }
        return text;
    }

    bool attribute_follows() {
        const std::size_t begin = at_;
        const bool found = !token().empty() && peek() == '=';
        at_ = begin;
        return found;
    }

    bool unclosed_ = false;
};

// *(";" attribute "=" value)
Parameters read_parameters(Reader& reader) {
    Parameters found;
    while (found.size() < parameter_limit) {
        reader.skip_space();
        if (reader.done()) break;
        if (reader.take(';')) continue;
        const std::string_view name = reader.attribute();
        reader.skip_space();
        if (!reader.take('=')) {
            if (name.empty()) reader.skip_to(';');
            continue;
        }
        reader.skip_space();
        std::string value = reader.value();
        if (!name.empty()) found.push_back({std::string(name), std::move(value)});
    }
    return found;
}

// `title*1*` of RFC 2231 section 4.1 taken apart.
struct Section {
    std::string_view base;
    unsigned number = 0;
    bool extended = false;
};

std::optional<Section> section_of(std::string_view name) {
    Section section;
    if (name.ends_with('*')) {
        section.extended = true;
        name.remove_suffix(1);
    }
    const std::size_t star = name.rfind('*');
    if (star == name.npos || star == 0) return std::nullopt;
    const std::string_view digits = name.substr(star + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), section.number);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
        return std::nullopt;
    section.base = name.substr(0, star);
    return section;
}

void append_encoded(std::string& text, std::string_view plain) {
    static constexpr char digits[] = "0123456789ABCDEF";
    for (const char c : plain) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet <= ' ' || octet >= 127 || ends_token(c) || c == '*' || c == '\'' || c == '%') {
            text += '%';
            text += digits[octet >> 4];
            text += digits[octet & 15];
        } else {
            text += c;
        }
    }
}

struct Piece {
    std::string value;
    bool extended = false;
};

Parameter joined(std::string_view base, const std::map<unsigned, Piece>& pieces) {
    bool extended = false;
    unsigned number = 0;
    for (const auto& [at, piece] : pieces) {
        if (at != number++) break;
        extended = extended || piece.extended;
    }
    Parameter whole{std::string(base), {}};
    if (extended) {
        whole.name += '*';
        if (!pieces.at(0).extended) whole.value = "''";
    }
    number = 0;
    for (const auto& [at, piece] : pieces) {
        if (at != number++) break;  // a section is missing: what follows it is lost
        if (extended && !piece.extended)
            append_encoded(whole.value, piece.value);
        else
            whole.value += piece.value;
    }
    return whole;
}

Parameters join_continued(Parameters parameters) {
    if (std::none_of(parameters.begin(), parameters.end(),
                     [](const Parameter& each) { return section_of(each.name).has_value(); }))
        return parameters;
    Parameters found;
    std::vector<std::pair<std::string, std::map<unsigned, Piece>>> continued;
    for (Parameter& each : parameters) {
        const auto section = section_of(each.name);
        if (!section) {
            found.push_back(std::move(each));
            continue;
        }
        auto same = std::find_if(continued.begin(), continued.end(), [&](const auto& other) {
            return same_name(other.first, section->base);
        });
        if (same == continued.end()) {
            continued.emplace_back(section->base, std::map<unsigned, Piece>{});
            same = continued.end() - 1;
        }
        same->second.emplace(section->number, Piece{std::move(each.value), section->extended});
    }
    for (const auto& [base, pieces] : continued)
        if (pieces.contains(0)) found.push_back(joined(base, pieces));
    return found;
}

}  // namespace

bool ContentType::is(std::string_view of_type) const { return same_name(type, of_type); }

bool ContentType::is(std::string_view of_type, std::string_view of_subtype) const {
    return same_name(type, of_type) && same_name(subtype, of_subtype);
}

// content := "Content-Type" ":" type "/" subtype *(";" parameter)
std::optional<ContentType> parse_content_type(std::string_view body) {
    const std::string text = unfold(body);
    Reader reader(text);
    ContentType found;
    reader.skip_space();
    found.type = reader.token();
    reader.skip_space();
    if (found.type.empty() || !reader.take('/')) return std::nullopt;
    reader.skip_space();
    found.subtype = reader.token();
    if (found.subtype.empty()) return std::nullopt;
    found.parameters = join_continued(read_parameters(reader));
    return found;
}

Disposition parse_disposition(std::string_view body) {
    const std::string text = unfold(body);
    Reader reader(text);
    Disposition found;
    reader.skip_space();
    found.type = reader.token();
    found.parameters = join_continued(read_parameters(reader));
    return found;
}

Parameters parse_parameters(std::string_view text) {
    const std::string unfolded = unfold(text);
    Reader reader(unfolded);
    return join_continued(read_parameters(reader));
}

const std::string* find_parameter(const Parameters& parameters, std::string_view name) {
    for (const Parameter& each : parameters)
        if (same_name(each.name, name)) return &each.value;
    return nullptr;
}

std::string parse_token(std::string_view body) {
    const std::string text = unfold(body);
    Reader reader(text);
    reader.skip_space();
    return std::string(reader.token());
}

std::vector<std::string> parse_languages(std::string_view body) {
    const std::string text = unfold(body);
    Reader reader(text);
    std::vector<std::string> found;
    while (found.size() < parameter_limit) {
        reader.skip_space();
        if (reader.done()) break;
        if (const std::string_view tag = reader.token(); !tag.empty()) found.emplace_back(tag);
        reader.skip_space();
        reader.skip_to(',');
        reader.take(',');
    }
    return found;
}

}  // namespace mailhandler::mail
