#include "mail/stamp.hpp"

#include <algorithm>

#include "mail/authentication.hpp"
#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

// A value for a header: no octet of it can end the line.
void append_clean(std::string& out, std::string_view value) {
    for (const char c : value) {
        const auto u = static_cast<unsigned char>(c);
        out += u < 0x20 || u == 0x7f ? '?' : c;
    }
}

// A value for a Received clause: one word, no comment, no clause of its own.
void append_word(std::string& out, std::string_view value) {
    if (value.empty()) out += "unknown";
    for (const char c : value) {
        const auto u = static_cast<unsigned char>(c);
        const bool bad = u <= 0x20 || u == 0x7f ||
                         std::string_view("()<>;,\"\\").find(c) != std::string_view::npos;
        out += bad ? '?' : c;
    }
}

void append_comment(std::string& out, std::string_view value) {
    for (const char c : value) {
        const auto u = static_cast<unsigned char>(c);
        out += u < 0x20 || u == 0x7f || c == '(' || c == ')' || c == '\\' ? '?' : c;
    }
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    append_clean(out, value);
    out += "\r\n";
}

void append_list(std::string& out, std::string_view name,
                 std::span<const std::string_view> values) {
    std::size_t column = name.size() + 1;
    out.append(name).append(":");
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t width = values[i].size() + 2;  // the space and the comma
        const bool fold = i > 0 && column + width > 78;
        out += fold ? "\r\n " : " ";
        column = fold ? width : column + width;
        append_clean(out, values[i]);
        if (i + 1 < values.size()) out += ',';
    }
    out += "\r\n";
}

bool goes(const Field& field, const Removal& removal) {
    if (field.is("Authentication-Results"))
        return !removal.hostname.empty() && claims_to_be_ours(field.body, removal.hostname);
    if (removal.bcc && (field.is("Bcc") || field.is("Resent-Bcc"))) return true;
    return field.is("Return-Path") || field.is("X-Rcpt-To") || field.is("X-POP3-Rcpt");
}

void note(const Field& field, Inbound& inbound) {
    if (field.is("Received")) ++inbound.received;
    if (field.is("Date")) inbound.has_date = true;
    if (field.is("Message-ID")) inbound.has_message_id = true;
    if (!field.is("Delivered-To")) return;
    std::string value = field.value();
    if (value.size() > 1 && value.front() == '<' && value.back() == '>')
        value = value.substr(1, value.size() - 2);
    if (const auto address = Address::parse(value)) inbound.delivered_to.insert(address->key());
}

void keep(Inbound& inbound, std::string_view piece) {
    if (piece.empty()) return;
    inbound.kept.push_back(piece);
    inbound.kept_size += piece.size();
}

}  // namespace

std::string protocol_name(const Hop& hop) {
    if (!hop.lmtp && !hop.extended) return "SMTP";
    std::string name = hop.smtputf8 ? "UTF8" : hop.lmtp ? "" : "E";
    name += hop.lmtp ? "LMTP" : "SMTP";
    if (hop.tls) name += 'S';
    if (hop.authenticated) name += 'A';
    return name;
}

std::string received(const Hop& hop) {
    std::string out = "Received: from ";
    append_word(out, hop.helo);
    if (!hop.ip.empty()) {
        out += hop.ip.find(':') == std::string::npos ? " ([" : " ([IPv6:";
        append_word(out, hop.ip);
        out += "])";
    }
    out += "\r\n\tby ";
    append_word(out, hop.hostname);
    out += " with " + protocol_name(hop);
    if (!hop.tls_text.empty()) {
        out += " (";
        append_comment(out, hop.tls_text);
        out += ')';
    }
    out += "\r\n\tid ";
    append_word(out, hop.id);
    if (!hop.recipient.empty()) {
        out += "\r\n\tfor <";
        append_clean(out, hop.recipient);
        out += '>';
    }
    return out += "; " + rfc5322_date(hop.time) + "\r\n";
}

std::string collected(std::string_view protocol, std::string_view server, std::string_view hostname,
                      std::string_view id, WallTime time) {
    std::string out = "Received: from ";
    append_word(out, server);
    out += "\r\n\tby ";
    append_word(out, hostname);
    out += " with ";
    append_word(out, protocol);
    out += "\r\n\tid ";
    append_word(out, id);
    return out += "; " + rfc5322_date(time) + "\r\n";
}

std::string envelope_lines(std::string_view given, std::string_view delivered_to) {
    std::string out;
    append_line(out, "X-Rcpt-To", given);
    append_line(out, "X-POP3-Rcpt", given);
    append_line(out, "Delivered-To", delivered_to);
    return out;
}

std::string stamp(std::string_view sender, std::string_view given, std::string_view delivered_to) {
    std::string out = "Return-Path: <";
    append_clean(out, sender);
    return out += ">\r\n" + envelope_lines(given, delivered_to);
}

std::string envelope_lines(std::span<const std::string_view> given) {
    std::string out;
    append_list(out, "X-Rcpt-To", given);
    append_list(out, "X-POP3-Rcpt", given);
    return out;
}

std::string stamp(std::string_view sender, std::span<const std::string_view> given) {
    std::string out = "Return-Path: <";
    append_clean(out, sender);
    return out += ">\r\n" + envelope_lines(given);
}

// Also where the first line is no field: written below our Received it may fold into it, and
// readers then take what follows for the header after all, forged stamps included.
Inbound read_inbound(std::string_view octets, const Removal& removal) {
    Inbound inbound;
    HeaderScan scan(octets);
    std::size_t from = 0;  // what is kept and not yet listed begins here
    while (const auto field = scan.next()) {
        note(*field, inbound);
        if (!goes(*field, removal)) continue;
        const auto begin = static_cast<std::size_t>(field->raw.data() - octets.data());
        keep(inbound, octets.substr(from, begin - from));
        from = begin + field->raw.size();
    }
    keep(inbound, octets.substr(from));
    inbound.complete = scan.complete();
    return inbound;
}

}  // namespace mailhandler::mail
