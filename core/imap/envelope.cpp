#include "imap/envelope.hpp"

#include <array>
#include <optional>

#include "imap/response.hpp"
#include "mail/address_list.hpp"
#include "mail/header.hpp"

namespace mailhandler::imap {

namespace {

using mail::ListedAddress;

void append_nstring(std::string& text, const std::string& value) {
    if (value.empty())
        text += "NIL";
    else
        append_string(text, value);
}

// address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
void append_address(std::string& text, const ListedAddress& address) {
    text += '(';
    switch (address.kind) {
        case ListedAddress::Kind::group_begin:
            text += "NIL NIL ";
            append_string(text, address.name);
            text += " NIL";
            break;
        case ListedAddress::Kind::group_end:
            text += "NIL NIL NIL NIL";
            break;
        case ListedAddress::Kind::mailbox:
            append_nstring(text, address.name);
            text += ' ';
            append_nstring(text, address.route);
            text += ' ';
            append_string(text, address.local);
            text += ' ';
            append_string(text, address.domain);
            break;
    }
    text += ')';
}

// env-from = "(" 1*address ")" / nil
std::string rendered(const std::vector<ListedAddress>& addresses) {
    if (addresses.empty()) return "NIL";
    std::string text = "(";
    for (const ListedAddress& each : addresses) append_address(text, each);
    return text + ')';
}

constexpr std::array<std::string_view, 4> string_names = {"Date", "Subject", "In-Reply-To",
                                                          "Message-ID"};
enum : std::size_t { date, subject, in_reply_to, message_id };
constexpr std::array<std::string_view, 6> list_names = {"From", "Sender", "Reply-To",
                                                        "To",   "Cc",     "Bcc"};
enum : std::size_t { from, sender, reply_to, to, cc, bcc };

struct Fields {
    std::array<std::optional<std::string>, 4> strings;
    std::array<std::vector<ListedAddress>, 6> lists;
};

void read_field(Fields& fields, const mail::Field& field) {
    for (std::size_t i = 0; i < string_names.size(); ++i) {
        if (!field.is(string_names[i])) continue;
        if (!fields.strings[i]) fields.strings[i] = field.value();
        return;
    }
    for (std::size_t i = 0; i < list_names.size(); ++i) {
        if (!field.is(list_names[i])) continue;
        auto& list = fields.lists[i];
        if (list.size() >= mail::address_limit) return;
        auto more = mail::parse_address_list(field.body);
        if (list.empty())
            list = std::move(more);
        else
            list.insert(list.end(), more.begin(), more.end());
        return;
    }
}

void append_optional(std::string& text, const std::optional<std::string>& value) {
    if (value)
        append_string(text, *value);
    else
        text += "NIL";
}

}  // namespace

// envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP
//            env-cc SP env-bcc SP env-in-reply-to SP env-message-id ")"
void append_envelope(std::string& text, std::string_view header) {
    Fields fields;
    mail::HeaderScan scan(header);
    while (const auto field = scan.next()) read_field(fields, *field);
    text += '(';
    append_optional(text, fields.strings[date]);
    text += ' ';
    append_optional(text, fields.strings[subject]);
    const std::string author = rendered(fields.lists[from]);
    for (std::size_t i = 0; i < fields.lists.size(); ++i) {
        text += ' ';
        const bool as_from = i == from || ((i == sender || i == reply_to) && fields.lists[i].empty());
        text += as_from ? author : rendered(fields.lists[i]);
    }
    text += ' ';
    append_optional(text, fields.strings[in_reply_to]);
    text += ' ';
    append_optional(text, fields.strings[message_id]);
    text += ')';
}

std::string render_envelope(std::string_view header) {
    std::string text;
    append_envelope(text, header);
    return text;
}

}  // namespace mailhandler::imap
