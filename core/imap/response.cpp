#include "imap/response.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "imap/lexer.hpp"
#include "mail/modified_utf7.hpp"

namespace mailhandler::imap {

using mail::from_modified_utf7, mail::to_modified_utf7, mail::well_formed_utf8;

namespace {

// What a quoted string can hold (RFC 9051 section 4.3); long ones are easier read as literals.
bool can_be_quoted(std::string_view octets, bool utf8) {
    if (octets.size() > 1000) return false;
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet == 0 || c == '\r' || c == '\n' || (octet >= 0x80 && !utf8)) return false;
    }
    return !utf8 || well_formed_utf8(octets);
}

constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

void append_two(std::string& text, unsigned number, char fill = '0') {
    text += number < 10 ? fill : static_cast<char>('0' + number / 10);
    text += static_cast<char>('0' + number % 10);
}

}  // namespace

void append_number(std::string& text, std::uint64_t number) {
    char digits[20];
    text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_string(std::string& text, std::string_view octets, bool utf8) {
    if (can_be_quoted(octets, utf8)) {
        text += '"';
        for (const char c : octets) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
        return;
    }
    text += octets.find('\0') == octets.npos ? "{" : "~{";
    append_number(text, octets.size());
    text += "}\r\n";
    text += octets;
}

void append_astring(std::string& text, std::string_view octets, bool utf8) {
    bool atom = !octets.empty() && !same_word(octets, "NIL");
    for (const char c : octets) atom = atom && atom_char(c);
    if (atom)
        text += octets;
    else
        append_string(text, octets, utf8);
}

void append_mailbox(std::string& text, std::string_view name, bool utf8) {
    if (utf8)
        append_astring(text, name, true);
    else
        append_astring(text, to_modified_utf7(name));
}

void append_flags(std::string& text, Flags flags, const std::vector<std::string>& keywords,
                  bool recent) {
    const std::size_t begin = text.size();
    text += '(';
    const auto add = [&](std::string_view name) {
        if (text.size() > begin + 1) text += ' ';
        text += name;
    };
    if (flags & flag_answered) add("\\Answered");
    if (flags & flag_flagged) add("\\Flagged");
    if (flags & flag_deleted) add("\\Deleted");
    if (flags & flag_seen) add("\\Seen");
    if (flags & flag_draft) add("\\Draft");
    if (recent) add("\\Recent");
    if (flags >> first_keyword_bit) {
        for (std::size_t i = 0; i < keywords.size() && i < most_keywords; ++i)
            if (flags & keyword_flag(i)) add(keywords[i]);
    }
    text += ')';
}

// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
void append_date_time(std::string& text, std::int64_t seconds) {
    using namespace std::chrono;
    const sys_seconds time{std::chrono::seconds(seconds)};
    const auto midnight = floor<days>(time);
    const year_month_day date(midnight);
    const auto of_day = (time - midnight).count();
    text += '"';
    append_two(text, static_cast<unsigned>(date.day()), ' ');
    text += '-';
    text += months.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3);
    text += '-';
    const int year = std::min(std::max(static_cast<int>(date.year()), 0), 9999);
    append_two(text, static_cast<unsigned>(year / 100));
    append_two(text, static_cast<unsigned>(year % 100));
    text += ' ';
    append_two(text, static_cast<unsigned>(of_day / 3600));
    text += ':';
    append_two(text, static_cast<unsigned>(of_day / 60 % 60));
    text += ':';
    append_two(text, static_cast<unsigned>(of_day % 60));
    text += " +0000\"";
}

std::string code_text(const Verdict& verdict) {
    switch (verdict.code) {
        case Code::none: return {};
        case Code::already_exists: return "[ALREADYEXISTS] ";
        case Code::authentication_failed: return "[AUTHENTICATIONFAILED] ";
        case Code::bad_charset: return "[BADCHARSET (US-ASCII UTF-8)] ";
        case Code::cannot: return "[CANNOT] ";
        case Code::corruption: return "[CORRUPTION] ";
        case Code::has_children: return "[HASCHILDREN] ";
        case Code::in_use: return "[INUSE] ";
        case Code::limit: return "[LIMIT] ";
        case Code::metadata_maxsize:
            return "[METADATA MAXSIZE " + std::to_string(verdict.number) + "] ";
        case Code::metadata_toomany: return "[METADATA TOOMANY] ";
        case Code::metadata_noprivate: return "[METADATA NOPRIVATE] ";
        case Code::nonexistent: return "[NONEXISTENT] ";
        case Code::no_perm: return "[NOPERM] ";
        case Code::over_quota: return "[OVERQUOTA] ";
        case Code::server_bug: return "[SERVERBUG] ";
        case Code::too_big: return "[TOOBIG] ";
        case Code::try_create: return "[TRYCREATE] ";
        case Code::unavailable: return "[UNAVAILABLE] ";
        case Code::unknown_cte: return "[UNKNOWN-CTE] ";
        case Code::use_attr: return "[USEATTR] ";
    }
    return {};
}

void Output::body(wire::SendBody body) {
    parts_.push_back({std::exchange(text_, {}), std::move(body)});
}

Action Output::take() {
    if (parts_.empty()) return wire::Send{std::exchange(text_, {})};
    Part& part = parts_.front();
    if (!part.text.empty()) return wire::Send{std::exchange(part.text, {})};
    Action action = std::move(part.body);
    parts_.pop_front();
    return action;
}

}  // namespace mailhandler::imap
