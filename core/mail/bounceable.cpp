#include "mail/bounceable.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

// A token of a value: up to white space, ';', '(' or '='.
std::string_view token(std::string_view& text) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t;(="), text.size());
    const std::string_view found = text.substr(0, end);
    text.remove_prefix(end);
    return found;
}

// RFC 8601 section 2.2: resinfo, without comments.
struct ResultInfo {
    std::string method, result, mailfrom, signer;
};

std::string_view unquoted(std::string_view text) {
    if (text.size() > 1 && text.front() == '"' && text.back() == '"')
        return text.substr(1, text.size() - 2);
    return text;
}

ResultInfo read_result(std::string_view text) {
    ResultInfo info;
    const std::string method = lower(token(text));
    info.method = method.substr(0, method.find('/'));  // a version may follow
    if (!text.starts_with('=')) return info;
    text.remove_prefix(1);
    info.result = lower(token(text));
    for (;;) {
        const std::string name = lower(token(text));
        if (name.empty() || !text.starts_with('=')) {
            if (text.empty() || (name.empty() && text.find_first_not_of(" \t=") == text.npos)) break;
            if (name.empty()) text.remove_prefix(1);
            continue;
        }
        text.remove_prefix(1);
        const std::string_view value = unquoted(token(text));
        if (name == "smtp.mailfrom" || name == "smtp.mail") info.mailfrom = value;
        if (name == "header.d" || (name == "header.i" && info.signer.empty())) info.signer = value;
    }
    return info;
}

// The domain in a property: an address, "@domain" or a domain; empty when it is none.
std::string domain_in(std::string_view text) {
    if (text.size() > 1 && text.front() == '<' && text.back() == '>')
        text = text.substr(1, text.size() - 2);
    if (const auto at = text.rfind('@'); at != text.npos) text.remove_prefix(at + 1);
    return canonical_domain(text).value_or(std::string());
}

// `domain` itself or one below `parent`, which is more than a top-level name.
bool at_or_below(const std::string& domain, const std::string& parent) {
    if (parent.find('.') == parent.npos) return false;
    return domain == parent ||
           (domain.size() > parent.size() && domain.ends_with(parent) &&
            domain[domain.size() - parent.size() - 1] == '.');
}

std::string comments_removed(std::string_view text) {
    std::string out;
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && (quoted || depth)) {
            if (!depth && i + 1 < text.size()) out.append(text.substr(i, 2));
            ++i;
        } else if (c == '"' && !depth) {
            quoted = !quoted;
            out += c;
        } else if (c == '(' && !quoted) {
            ++depth;
        } else if (c == ')' && depth) {
            if (--depth == 0) out += ' ';
        } else if (!depth) {
            out += c;
        }
    }
    return out;
}

bool is_automatons_local(const std::string& local) {
    static constexpr std::array<std::string_view, 4> names = {"mailer-daemon", "postmaster",
                                                              "listserv", "majordomo"};
    return std::find(names.begin(), names.end(), local) != names.end() ||
           local.starts_with("owner-") || local.ends_with("-owner") ||
           local.ends_with("-request") || local.ends_with("-bounces");
}

// What the header says of itself; empty: nothing against a bounce.
std::string automatons_mark(std::string_view header) {
    HeaderScan scan(header);
    while (const auto field = scan.next()) {
        for (const std::string_view name : {"List-Id", "List-Post", "List-Unsubscribe", "List-Help"})
            if (field->is(name)) return "it is a list's, by its " + std::string(name);
        if (field->is("Auto-Submitted")) {
            const std::string text = comments_removed(field->value());
            std::string_view rest = text;
            if (const std::string word = lower(token(rest)); word != "no" && !word.empty())
                return "it is Auto-Submitted: " + word;
        }
        if (field->is("Precedence")) {
            const std::string word = lower(field->value());
            if (word == "bulk" || word == "list" || word == "junk")
                return "its Precedence is " + word;
        }
    }
    return {};
}

}  // namespace

bool authenticates(std::string_view value, const Address& sender) {
    const std::string clean = comments_removed(value);
    bool first = true;  // the authserv-id and its version
    std::string_view rest = clean;
    while (!rest.empty()) {
        bool quoted = false;
        std::size_t end = 0;
        while (end < rest.size() && (quoted || rest[end] != ';')) quoted ^= rest[end++] == '"';
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (std::exchange(first, false)) continue;
        const ResultInfo info = read_result(part);
        if (info.result != "pass") continue;
        if (info.method == "spf" && !info.mailfrom.empty() &&
            domain_in(info.mailfrom) == sender.domain())
            return true;
        if (info.method == "dkim" && at_or_below(sender.domain(), domain_in(info.signer)))
            return true;
    }
    return false;
}

std::string why_never_bounce(std::string_view header, const TrustedBlock& block, bool any_sender) {
    if (!block.has_return_path) return "it has no Return-Path that can be trusted";
    if (!block.return_path)
        return block.return_path_text.empty() ? "its sender is the null one"
                                              : "its Return-Path is no address";
    if (is_automatons_local(block.return_path->local_key())) return "its sender is an automaton";
    if (auto mark = automatons_mark(header); !mark.empty()) return mark;
    if (any_sender) return {};
    for (const std::string& value : block.authentication_results)
        if (authenticates(value, *block.return_path)) return {};
    return "its sender is not authenticated";
}

}  // namespace mailhandler::mail
