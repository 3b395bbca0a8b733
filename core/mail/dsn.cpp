#include "mail/dsn.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mail/dsn_text.hpp"
#include "mail/dsn_words.hpp"
#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

// Of the message's header: what a person or a program still looks at.
constexpr std::size_t most_header = 64 << 10;

bool is_success(DsnAction action) {
    return action == DsnAction::delivered || action == DsnAction::relayed;
}

const char* subject_of(DsnAction action) {
    switch (action) {
        case DsnAction::failed: return "Your message could not be delivered";
        case DsnAction::delayed: return "Your message is delayed";
        case DsnAction::delivered: return "Your message was delivered";
        case DsnAction::relayed: return "Your message was passed on";
    }
    return "";
}

// One part of the report.
struct Part {
    std::string type, text;
    bool encoded = false;  // quoted-printable
};

void append_part(std::string& out, const std::string& boundary, const Part& part) {
    out += fmt::format("--{}\r\nContent-Type: {}\r\n", boundary, part.type);
    if (part.encoded)
        out += "Content-Transfer-Encoding: quoted-printable\r\n";
    else if (!is_ascii(part.text))
        out += "Content-Transfer-Encoding: 8bit\r\n";
    out += "\r\n";
    out += part.encoded ? quoted_printable(part.text) : part.text;
    out += "\r\n";
}

void field(std::string& out, std::string_view name, std::string_view value, bool utf8) {
    out += fmt::format("{}: {}\r\n", name, clean(value, utf8));
}

// RFC 3464 section 2.1.2 and RFC 6533 section 3: the address with its type.
std::string typed(const Address& address, bool utf8) {
    if (is_ascii(address.wire())) return "rfc822;" + address.wire();
    return "utf-8;" + (utf8 ? address.wire() : embedded(address.wire()));
}

std::string shown_reply(const Undelivered& failed) {
    return failed.target ? scrubbed(failed.reply, *failed.target, failed.asked.address)
                         : failed.reply;
}

bool is_reply(std::string_view text) {
    return text.size() >= 3 &&
           std::all_of(text.begin(), text.begin() + 3, [](char c) { return c >= '0' && c <= '9'; });
}

// per-recipient-fields of RFC 3464 section 2.3.
std::string recipient_fields(const Dsn& dsn, const Undelivered& failed, bool utf8) {
    std::string out = "\r\n";
    if (!failed.asked.orcpt.empty())
        field(out, "Original-Recipient", xtext_decoded(failed.asked.orcpt), utf8);
    field(out, "Final-Recipient", typed(failed.asked.address, utf8), utf8);
    field(out, "Action", name(dsn.action), false);
    field(out, "Status", status_of(failed.reply, dsn.action), false);
    const std::string reply = shown_reply(failed);
    if (is_reply(reply)) {
        if (!failed.remote.empty() && !failed.target)
            field(out, "Remote-MTA", "dns; " + failed.remote, false);
        field(out, "Diagnostic-Code", "smtp; " + reply, utf8);
    }
    if (!is_success(dsn.action))
        field(out, "Last-Attempt-Date", rfc5322_date(dsn.now), false);
    if (dsn.action == DsnAction::delayed)
        field(out, "Will-Retry-Until", rfc5322_date(dsn.until), false);
    return out;
}

Part status_part(const Dsn& dsn, bool utf8) {
    // per-message-fields, section 2.2
    std::string text;
    if (!dsn.envid.empty()) field(text, "Original-Envelope-Id", dsn.envid, false);
    field(text, "Reporting-MTA", "dns; " + dsn.hostname, false);
    field(text, "Arrival-Date", rfc5322_date(dsn.arrived), false);
    for (const Undelivered& failed : dsn.recipients) text += recipient_fields(dsn, failed, utf8);
    return {utf8 ? "message/global-delivery-status" : "message/delivery-status", std::move(text)};
}

// The header's own lines, with CRLF, and no part of the body.
std::string header_lines(std::string_view octets) {
    std::string out;
    HeaderScan scan(octets);
    while (const auto found = scan.next()) {
        std::string_view raw = found->raw;
        if (out.size() + raw.size() > most_header) break;
        while (!raw.empty()) {
            const std::size_t end = std::min(raw.find('\n'), raw.size());
            std::string_view line = raw.substr(0, end);
            if (line.ends_with('\r')) line.remove_suffix(1);
            out.append(line).append("\r\n");
            raw.remove_prefix(std::min(end + 1, raw.size()));
        }
    }
    return out;
}

Part header_part(const Dsn& dsn, bool utf8) {
    std::string text = header_lines(dsn.header);
    if (is_seven_bit(text)) return {"text/rfc822-headers", std::move(text)};
    if (utf8 && is_utf8(text) && text.find('\0') == text.npos)
        return {"message/global-headers", std::move(text)};
    return {"text/rfc822-headers", std::move(text), true};
}

// The message itself; nothing where it cannot go as it is (RFC 2046 section 5.2.1: no encoding).
std::optional<Part> content_part(const Dsn& dsn, bool utf8) {
    const auto too_long = [](std::string_view text) {
        std::size_t begin = 0;
        for (std::size_t end; begin < text.size(); begin = end + 1) {
            end = std::min(text.find('\n', begin), text.size());
            if (end - begin > 999) return true;
        }
        return false;
    };
    if (dsn.content.empty() || too_long(dsn.content) ||
        dsn.content.find('\0') != dsn.content.npos)
        return {};
    const bool global = utf8 && !is_ascii(header_lines(dsn.content));
    return Part{global ? "message/global" : "message/rfc822", std::string(dsn.content)};
}

Part words_part(const Dsn& dsn, bool utf8) {
    std::vector<Told> told;
    for (const Undelivered& failed : dsn.recipients)
        told.push_back({failed.asked.address.given(), status_of(failed.reply, dsn.action),
                        clean(shown_reply(failed), true), failed.target ? "" : failed.remote});
    const auto subject = find_field(dsn.header, "Subject");
    std::string text = words(dsn, told, subject ? clean(subject->value(), true) : std::string());
    const bool plain = is_seven_bit(text);
    return {plain ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8", std::move(text),
            !plain && !utf8};
}

// A text that no line of the parts begins with.
std::string boundary_of(const Dsn& dsn, const std::vector<Part>& parts) {
    std::string boundary = "=_" + dsn.id.substr(0, 50);
    const auto taken = [&](const Part& part) { return part.text.find(boundary) != part.text.npos; };
    while (std::any_of(parts.begin(), parts.end(), taken)) boundary += '_';
    return boundary;
}

// The message's own identity, for programs that show a conversation. Nothing that is not one.
std::string references(std::string_view header) {
    const auto found = find_field(header, "Message-ID");
    if (!found) return {};
    const std::string id = found->value();
    const bool fit = id.size() > 2 && id.size() < 250 && id.front() == '<' && id.back() == '>' &&
                     std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    return fit ? fmt::format("In-Reply-To: {0}\r\nReferences: {0}\r\n", id) : std::string();
}

}  // namespace

ComposedDsn compose(const Dsn& dsn) {
    const bool utf8 = dsn.to.needs_smtputf8();
    auto whole = content_part(dsn, utf8);
    const std::vector<Part> parts = {words_part(dsn, utf8), status_part(dsn, utf8),
                                     whole ? std::move(*whole) : header_part(dsn, utf8)};
    const bool eight_bit = utf8 || std::any_of(parts.begin(), parts.end(), [](const Part& part) {
                               return !part.encoded && !is_ascii(part.text);
                           });
    const std::string boundary = boundary_of(dsn, parts);
    std::string out = fmt::format("Date: {}\r\n", rfc5322_date(dsn.now));
    out += fmt::format("From: Mail delivery <MAILER-DAEMON@{}>\r\n", dsn.hostname);
    out += fmt::format("To: <{}>\r\n", dsn.to.wire());
    out += fmt::format("Subject: {}\r\n", subject_of(dsn.action));
    out += fmt::format("Message-ID: <{}@{}>\r\n", dsn.id, dsn.hostname) + references(dsn.header);
    // RFC 3834 section 5: nobody's automaton answers it
    out += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
    out += fmt::format("Content-Type: multipart/report; report-type={};\r\n\tboundary=\"{}\"\r\n",
                       utf8 ? "global-delivery-status" : "delivery-status", boundary);
    if (eight_bit) out += "Content-Transfer-Encoding: 8bit\r\n";
    out += "\r\n";
    for (const Part& part : parts) append_part(out, boundary, part);
    return {out + fmt::format("--{}--\r\n", boundary), utf8, eight_bit};
}

std::string_view name(DsnAction action) {
    switch (action) {
        case DsnAction::failed: return "failed";
        case DsnAction::delayed: return "delayed";
        case DsnAction::delivered: return "delivered";
        case DsnAction::relayed: return "relayed";
    }
    return "";
}

bool is_wanted(const Notify& notify, DsnAction action) {
    if (is_success(action)) return notify.success;
    if (!notify.given) return true;
    if (notify.never) return false;
    return action == DsnAction::failed ? notify.failure : notify.delay;
}

std::string status_of(std::string_view reply, DsnAction action) {
    if (is_success(action)) return "2.0.0";
    const bool failed = action == DsnAction::failed;
    if (!is_reply(reply)) return failed ? "5.0.0" : "4.0.0";
    if (reply.front() != '5' && failed) return "4.4.7";
    const char wanted = reply.front() == '5' ? '5' : '4';
    // status-code = class "." 1*3DIGIT "." 1*3DIGIT (RFC 3463 section 2), behind the code
    std::string_view rest = reply.substr(3);
    if (rest.starts_with(' ') || rest.starts_with('-')) rest.remove_prefix(1);
    const std::string_view code = rest.substr(0, rest.find_first_not_of("0123456789."));
    const std::size_t first = code.find('.'), last = code.rfind('.');
    if (first == 1 && code.front() == wanted && std::count(code.begin(), code.end(), '.') == 2 &&
        last - first >= 2 && last - first <= 4 && code.size() - last >= 2 &&
        code.size() - last <= 4)
        return std::string(code);
    return std::string(1, wanted) + ".0.0";
}

}  // namespace mailhandler::mail
