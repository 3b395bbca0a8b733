#include "mail/received.hpp"

#include <algorithm>
#include <unordered_set>

#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Octets of the quoted string that begins at `at`, both quotes counted.
std::size_t quoted_length(std::string_view text, std::size_t at) {
    std::size_t i = at + 1;
    while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
    return std::min(i + 1, text.size()) - at;
}

// Octets of the comment that begins at `at`, with those inside it (RFC 5322 section 3.2.2).
std::size_t comment_length(std::string_view text, std::size_t at) {
    std::size_t depth = 0, i = at;
    while (i < text.size()) {
        const char c = text[i];
        i += c == '\\' ? 2 : 1;
        if (c == '(') ++depth;
        if (c == ')' && --depth == 0) break;
    }
    return std::min(i, text.size()) - at;
}

// Without comments; what is quoted stays.
std::string without_comments(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '(') {
            i += comment_length(text, i);
            out += ' ';
        } else {
            const std::size_t length = text[i] == '"' ? quoted_length(text, i) : 1;
            out.append(text.substr(i, length));
            i += length;
        }
    }
    return out;
}

// At commas outside quotes and angle brackets' quotes.
std::vector<std::string_view> split_at_commas(std::string_view text) {
    std::vector<std::string_view> items;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == ',') {
            items.push_back(text.substr(begin, i - begin));
            begin = i + 1;
        }
        i += text[i] == '"' ? quoted_length(text, i) : 1;
    }
    items.push_back(text.substr(begin));
    return items;
}

// `Anne <anne@x>` → `anne@x`; without brackets the text itself.
std::string_view inside_brackets(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '<') {
            const std::size_t end = text.rfind('>');
            if (end == text.npos || end < i) return text;
            return trim(text.substr(i + 1, end - i - 1));
        }
        i += text[i] == '"' ? quoted_length(text, i) : 1;
    }
    return text;
}

bool topmost_only(std::string_view name) {
    return same_name(name, "Delivered-To") || same_name(name, "X-Original-To");
}

class Reader {
  public:
    explicit Reader(const TrustSettings& settings) : settings_(settings) {
        if (auto login = Address::parse(settings.login)) login_ = login->key();
        for (const std::string& name : settings.headers) readings_.push_back({.name = name});
        seen_.resize(readings_.size());
        for (const std::string& host : settings.trust)
            trust_.push_back(canonical_domain(host).value_or(host));
    }

    TrustedBlock read(std::string_view octets) {
        HeaderScan scan(octets);
        block_.size = octets.size();
        bool inside = true;
        while (const auto field = scan.next()) {
            if (inside && field->is("Received")) inside = passes(*field, octets);
            if (inside)
                take(*field);
            else
                look(*field);
        }
        if (inside) block_.size = scan.position();
        conclude();
        return std::move(block_);
    }

  private:
    bool passes(const Field& field, std::string_view octets) {
        std::string by = received_by(field.value());
        if (std::find(trust_.begin(), trust_.end(), by) != trust_.end() && !by.empty()) {
            block_.passed.push_back(std::move(by));
            return true;
        }
        block_.ends_by = std::move(by);
        block_.size = static_cast<std::size_t>(field.raw.data() - octets.data());
        return false;
    }

    void take(const Field& field) {
        for (std::size_t i = 0; i < readings_.size(); ++i)
            if (field.is(readings_[i].name)) take_line(i, field.value());
        if (field.is("Authentication-Results"))
            block_.authentication_results.push_back(field.value());
        if (field.is("Return-Path") && !block_.has_return_path) {
            block_.has_return_path = true;
            const std::string value = without_comments(field.value());
            block_.return_path_text = std::string(inside_brackets(trim(value)));
            if (auto sender = Address::parse_sender(block_.return_path_text))
                block_.return_path = *sender;
        }
    }

    void take_line(std::size_t index, const std::string& line) {
        HeaderReading& reading = readings_[index];
        if (++reading.lines > 1 && topmost_only(reading.name)) return;
        const std::string clean = without_comments(line);
        for (const std::string_view item : split_at_commas(clean)) take_value(index, trim(item));
    }

    void take_value(std::size_t index, std::string_view item) {
        if (item.empty()) return;
        HeaderReading& reading = readings_[index];
        std::string_view text = inside_brackets(item);
        if (is_login(text)) return reading.login.push_back(std::string(item));
        if (!settings_.prefix.empty() && text.size() > settings_.prefix.size() &&
            same_name(text.substr(0, settings_.prefix.size()), settings_.prefix)) {
            text.remove_prefix(settings_.prefix.size());
            if (is_login(text)) return reading.login.push_back(std::string(item));
        }
        auto address = Address::parse(text);
        if (!address) {
            reading.unusable.push_back({std::string(item), address.error().cause});
        } else if (login_.empty() || address->key() != login_) {
            if (seen_[index].insert(address->key()).second)
                reading.recipients.push_back({std::move(*address), std::string(item)});
        } else {
            reading.login.push_back(std::string(item));
        }
    }

    bool is_login(std::string_view text) const {
        return !settings_.login.empty() && same_name(text, settings_.login);
    }

    void look(const Field& field) {
        for (const HeaderReading& reading : readings_)
            if (reading.lines == 0 && field.is(reading.name) &&
                std::find(block_.below.begin(), block_.below.end(), reading.name) ==
                    block_.below.end())
                block_.below.push_back(reading.name);
    }

    void conclude() {
        for (HeaderReading& reading : readings_) {
            if (reading.lines == 0) continue;
            block_.readings.push_back(std::move(reading));
            if (!block_.chosen && block_.readings.back().speaks())
                block_.chosen = block_.readings.size() - 1;
        }
    }

    const TrustSettings& settings_;
    std::string login_;  // its key, when it is an address
    std::vector<std::string> trust_;
    std::vector<HeaderReading> readings_;  // of all `headers`
    std::vector<std::unordered_set<std::string>> seen_;
    TrustedBlock block_;
};

}  // namespace

std::string received_by(std::string_view value) {
    const std::string clean = without_comments(value);
    std::string_view rest = clean;
    const auto word = [&rest] {
        rest = trim(rest);
        const std::size_t end = std::min(rest.find_first_of(" \t;"), rest.size());
        const std::string_view found = rest.substr(0, end);
        rest.remove_prefix(end);
        return found;
    };
    while (!trim(rest).empty()) {
        const std::string_view one = word();
        if (one.empty()) break;  // the date's semicolon
        if (same_name(one, "from")) {
            word();
        } else if (same_name(one, "by")) {
            const std::string_view host = word();
            return canonical_domain(host).value_or(std::string(host));
        }
    }
    return {};
}

TrustedBlock read_trusted_block(std::string_view octets, const TrustSettings& settings) {
    return Reader(settings).read(octets);
}

std::vector<std::string_view> without_envelope(std::string_view octets, const TrustedBlock& block,
                                               const TrustSettings& settings) {
    std::vector<std::string_view> pieces;
    std::size_t from = 0;
    const auto drop = [&settings](const Field& field) {
        return field.is("X-Rcpt-To") || field.is("X-POP3-Rcpt") || field.is("Delivered-To") ||
               std::any_of(settings.headers.begin(), settings.headers.end(),
                           [&field](const std::string& name) { return field.is(name); });
    };
    HeaderScan scan(octets.substr(0, block.size));
    while (const auto field = scan.next()) {
        if (!drop(*field)) continue;
        const auto begin = static_cast<std::size_t>(field->raw.data() - octets.data());
        if (begin > from) pieces.push_back(octets.substr(from, begin - from));
        from = begin + field->raw.size();
    }
    if (from < octets.size()) pieces.push_back(octets.substr(from));
    return pieces;
}

}  // namespace mailhandler::mail
