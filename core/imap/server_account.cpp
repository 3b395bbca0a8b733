// QUOTA (RFC 9208) and METADATA (RFC 5464).
#include <algorithm>
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t most_entries = 200;   // in one command
constexpr std::size_t longest_entry = 250;  // octets of an entry's name

// entry = astring: slash-separated, no "*" and "%", beginning with /private or /shared
// (RFC 5464 section 3.2)
bool is_entry(std::string_view name) {
    const bool place = name.starts_with("/private/") || name.starts_with("/shared/");
    return place && name.size() <= longest_entry && name.back() != '/' &&
           name.find("//") == name.npos && std::all_of(name.begin(), name.end(), [](char c) {
               return c > ' ' && c < '\x7f' && c != '*' && c != '%';
           });
}

// What GETMETADATA may name: an entry, or what all of them lie below.
bool can_be_named(std::string_view name) {
    return name == "/private" || name == "/shared" || is_entry(name);
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
}

// [ "(" option *(SP option) ")" SP ]: "MAXSIZE" SP number, "DEPTH" SP ("0" / "1" / "infinity")
bool take_options(Lexer& words, MetadataWish& wish) {
    if (!words.take('(')) return true;
    do {
        if (words.word("MAXSIZE")) {
            wish.max_size = words.space() ? words.number() : std::nullopt;
            if (!wish.max_size) return false;
        } else if (words.word("DEPTH")) {
            if (!words.space()) return false;
            wish.below = words.take('1') ? 1 : words.word("INFINITY") ? SIZE_MAX : 0;
            if (wish.below == 0 && !words.take('0')) return false;
        } else {
            return false;
        }
    } while (words.space());
    return words.take(')') && words.space();
}

// entry / "(" entry *(SP entry) ")"
bool take_entries(Lexer& words, MetadataWish& wish) {
    const bool several = words.take('(');
    do {
        const auto entry = words.astring();
        if (!entry || wish.entries.size() == most_entries) return false;
        wish.entries.push_back({lower(*entry)});
    } while (several && words.space());
    return !several || words.take(')');
}

}  // namespace

// One root for the whole account, "", where it has a limit: RFC 9208 knows no root without
// a resource. Of a mailbox (GETQUOTAROOT) the root is told as well.
void ServerSession::ask_quota(std::optional<std::string> mailbox) {
    ask<Quota>(GetQuota{}, [this, mailbox = std::move(mailbox)](const Quota& quota) {
        if (!quota.verdict.ok) return complete(quota.verdict, {});
        if (!quota.limit && !mailbox) return no("[NONEXISTENT] There is no quota");
        std::string& text = out_.text();
        if (mailbox) {
            text += "* QUOTAROOT ";
            append_mailbox(text, *mailbox, utf8_);
            text += quota.limit ? " \"\"\r\n" : "\r\n";
        }
        if (quota.limit) {
            // In units of 1024 octets (RFC 9208 section 5.1).
            text += "* QUOTA \"\" (STORAGE ";
            append_number(text, (quota.used + 1023) / 1024);
            text += ' ';
            append_number(text, *quota.limit / 1024);
            text += ")\r\n";
        }
        complete("OK That is the quota");
    });
}

void ServerSession::getquota(Lexer& words) {
    const auto root = words.space() ? words.astring() : std::nullopt;
    if (!root) return bad("GETQUOTA needs a quota root");
    if (!ends(words)) return;
    if (!root->empty()) return no("[NONEXISTENT] The only quota root is \"\"");
    ask_quota(std::nullopt);
}

void ServerSession::getquotaroot(Lexer& words) {
    if (!words.space()) return bad("A mailbox name is needed");
    auto name = take_mailbox(words);
    if (name && ends(words)) ask_quota(std::move(name));
}

void ServerSession::setquota(Lexer&) { no("[NOPERM] The quota is set by who runs the server"); }

// "GETMETADATA" [SP options] SP mailbox SP entries
void ServerSession::getmetadata(Lexer& words) {
    MetadataWish wish;
    const auto wrong = [this] { bad("GETMETADATA needs a mailbox and entries"); };
    if (!words.space() || !take_options(words, wish)) return wrong();
    const auto given = words.astring();
    if (!given || !words.space() || !take_entries(words, wish)) return wrong();
    if (!ends(words)) return;
    for (const auto& entry : wish.entries)
        if (!can_be_named(entry.name)) return bad("That can be no entry's name");
    wish.mailbox = given->empty() ? std::string() : mailbox_name(*given).value_or(std::string());
    if (wish.mailbox.empty() && !given->empty())
        return no("[NONEXISTENT] There is no such mailbox");
    GetMetadata question{wish.mailbox};
    ask<Annotations>(std::move(question),
                     [this, wish = std::move(wish)](const Annotations& answer) mutable {
                         tell_metadata(std::move(wish), answer);
                     });
}

// "METADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")"
//
// RFC 5464 section 4.2 requires this response, so an entry that does not exist is told as well: NIL,
// the value by which SETMETADATA removes one (section 4.3). Dovecot and Cyrus answer so, too.
void ServerSession::tell_metadata(MetadataWish wish, const Annotations& answer) {
    if (!answer.verdict.ok) return complete(answer.verdict, {});
    std::string& text = out_.text();
    bool any = false;
    const auto name = [&](std::string_view entry) {
        if (!any) {
            text += "* METADATA ";
            append_mailbox(text, wish.mailbox, utf8_);
        }
        text += std::exchange(any, true) ? " " : " (";
        append_astring(text, entry);
        text += ' ';
    };
    std::uint64_t longest = 0;  // of those that were too long
    for (const Annotation& annotation : answer.annotations) {
        if (!annotation.value || !wish.take(annotation.entry)) continue;
        if (wish.max_size && annotation.value->size() > *wish.max_size) {
            longest = std::max<std::uint64_t>(longest, annotation.value->size());
            continue;
        }
        name(annotation.entry);
        append_string(text, *annotation.value, utf8_);
    }
    for (const auto& entry : wish.entries) {
        if (entry.there) continue;
        name(entry.name);
        text += "NIL";
    }
    if (any) text += ")\r\n";
    complete(longest == 0
                 ? std::string("OK Those are the entries")
                 : "OK [METADATA LONGENTRIES " + std::to_string(longest) + "] Some are longer");
}

// It is asked for by its own name, or by one so many levels above it.
bool MetadataWish::take(std::string_view entry) {
    const auto asks = [&](std::string_view name) {
        if (entry == name) return true;
        if (below == 0 || !entry.starts_with(name) || entry[name.size()] != '/') return false;
        const std::string_view rest = entry.substr(name.size());
        return static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '/')) <= below;
    };
    bool wanted = false;
    for (Entry& each : entries) {
        if (!asks(each.name)) continue;
        each.there = wanted = true;
    }
    return wanted;
}

// "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")"
void ServerSession::setmetadata(Lexer& words) {
    SetMetadata question;
    const auto wrong = [this] { bad("SETMETADATA needs a mailbox and pairs of entry and value"); };
    const auto given = words.space() ? words.astring() : std::nullopt;
    if (!given || !words.space() || !words.take('(')) return wrong();
    do {
        Annotation annotation;
        const auto entry = words.astring();
        if (!entry || !words.space() || question.annotations.size() == most_entries) return wrong();
        annotation.entry = lower(*entry);
        if (!words.word("NIL")) {
            annotation.value = words.string();
            if (!annotation.value) return wrong();
        }
        if (!is_entry(annotation.entry)) return bad("That can be no entry's name");
        question.annotations.push_back(std::move(annotation));
    } while (words.space());
    if (!words.take(')')) return wrong();
    if (!ends(words)) return;
    if (!given->empty()) {
        auto name = mailbox_name(*given);
        if (!name) return no("[NONEXISTENT] There is no such mailbox");
        question.mailbox = std::move(*name);
    }
    ask<Verdict>(std::move(question),
                 [this](const Verdict& verdict) { complete(verdict, "Kept"); });
}

}  // namespace mailhandler::imap
