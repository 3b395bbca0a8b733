#include "store/spool_envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "disk/read_fully.hpp"
#include "store/file_id.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

namespace {

using Object = nlohmann::ordered_json;

constexpr std::string_view changed_end = ".env", unfinished_end = ".new";
constexpr std::string_view first_word = "queued 1 ";
constexpr std::size_t length_digits = 8, first_line = first_word.size() + length_digits + 1;
constexpr std::size_t first_block = 4096;  // holds most envelopes
// Of an encoded destination: with the longest id and time the name stays below 255 octets.
constexpr std::size_t longest_destination = 120;

constexpr std::pair<Queued::Kind, std::string_view> kinds[] = {
    {Queued::Kind::forward, "forward"},
    {Queued::Kind::bounce, "bounce"},
    {Queued::Kind::submission, "submission"},
    {Queued::Kind::relay, "relay"},
    {Queued::Kind::handover, "handover"},
};

std::int64_t milliseconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string spelling(const mail::Address& address) {
    return address.given().empty() ? address.wire() : address.given();
}

// The words of RFC 3461's NOTIFY; an empty list is not the same as none.
Object notify_words(const mail::Notify& notify) {
    Object words = Object::array();
    if (notify.never) words.push_back("never");
    if (notify.success) words.push_back("success");
    if (notify.failure) words.push_back("failure");
    if (notify.delay) words.push_back("delay");
    return words;
}

Object sender_object(const mail::Sender& sender) {
    Object object;
    object["address"] = sender.address ? Object(spelling(*sender.address)) : Object(nullptr);
    if (sender.size) object["size"] = *sender.size;
    if (sender.body == mail::BodyType::eight_bit_mime) object["body"] = "8bitmime";
    if (sender.smtputf8) object["smtputf8"] = true;
    if (sender.ret != mail::Ret::unspecified)
        object["ret"] = sender.ret == mail::Ret::full ? "full" : "hdrs";
    if (!sender.envid.empty()) object["envid"] = sender.envid;
    return object;
}

Object owed_object(const Owed& owed) {
    Object object;
    object["address"] = spelling(owed.recipient.address);
    if (!owed.original.empty()) object["original"] = owed.original;
    if (!owed.last_reply.empty()) object["last_reply"] = owed.last_reply;
    if (owed.delay_told) object["delay_told"] = true;
    if (owed.recipient.notify.given) object["notify"] = notify_words(owed.recipient.notify);
    if (!owed.recipient.orcpt.empty()) object["orcpt"] = owed.recipient.orcpt;
    return object;
}

// From here on what does not fit throws nlohmann's exceptions; queued() catches them.
[[noreturn]] void refuse(const std::string& what) {
    throw nlohmann::json::other_error::create(501, what, nullptr);
}

std::uint64_t number(const nlohmann::json& value, std::uint64_t most = UINT64_MAX) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) refuse("no such number");
    return value.get<std::uint64_t>();
}

// A bounce's recipient was somebody's sender: as long as a sender may be.
mail::Address address(const nlohmann::json& text) {
    const auto spelt = text.get<std::string>();
    if (auto parsed = mail::Address::parse_sender(spelt)) return *parsed;
    if (auto parsed = mail::Address::parse_recipient(spelt)) return *parsed;
    refuse("no address");
}

mail::Sender sender_of(const nlohmann::json& object) {
    mail::Sender sender;
    if (const auto& text = object.at("address"); !text.is_null()) sender.address = address(text);
    if (object.contains("size")) sender.size = number(object["size"]);
    if (object.value("body", "") == "8bitmime") sender.body = mail::BodyType::eight_bit_mime;
    sender.smtputf8 = object.value("smtputf8", false);
    const auto ret = object.value("ret", std::string());
    sender.ret = ret == "full"   ? mail::Ret::full
                 : ret == "hdrs" ? mail::Ret::headers
                                 : mail::Ret::unspecified;
    sender.envid = object.value("envid", std::string());
    return sender;
}

Owed owed_of(const nlohmann::json& object) {
    Owed owed;
    owed.recipient.address = address(object.at("address"));
    owed.original = object.value("original", std::string());
    owed.last_reply = object.value("last_reply", std::string());
    owed.delay_told = object.value("delay_told", false);
    owed.recipient.orcpt = object.value("orcpt", std::string());
    if (!object.contains("notify")) return owed;
    mail::Notify& notify = owed.recipient.notify;
    notify.given = true;
    for (const auto& word : object["notify"].get<std::vector<std::string>>()) {
        notify.never |= word == "never";
        notify.success |= word == "success";
        notify.failure |= word == "failure";
        notify.delay |= word == "delay";
    }
    return owed;
}

Queued::Kind kind_of(const std::string& text) {
    for (const auto& [kind, word] : kinds)
        if (word == text) return kind;
    refuse("no kind");
}

std::optional<std::string_view> stem(std::string_view file, std::string_view end) {
    if (!file.ends_with(end)) return {};
    file.remove_suffix(end.size());
    if (!is_spool_id(file)) return {};
    return file;
}

}  // namespace

std::string_view name(Queued::Kind kind) {
    for (const auto& [each, word] : kinds)
        if (each == kind) return word;
    return "";
}

bool is_spool_id(std::string_view text) { return is_file_id(text); }

std::string to_text(const Queued& envelope) {
    Object object;
    object["id"] = envelope.id;
    object["kind"] = name(envelope.kind);
    object["when"] = rfc3339_utc(envelope.arrived);  // for people; `arrived` is read back
    object["arrived"] = milliseconds(envelope.arrived);
    object["size"] = envelope.size;
    object["attempts"] = envelope.attempts;
    object["sender"] = sender_object(envelope.sender);
    object["original_sender"] = envelope.original_sender;
    object["authenticated"] = envelope.authenticated;
    if (!envelope.via.empty()) object["via"] = envelope.via;
    object["owed"] = Object::array();
    for (const Owed& owed : envelope.owed) object["owed"].push_back(owed_object(owed));
    // A peer's words may be no UTF-8.
    return object.dump(-1, ' ', false, Object::error_handler_t::replace) + '\n';
}

std::optional<Queued> queued(std::string_view text) {
    const auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object()) return {};
    try {
        Queued envelope;
        envelope.id = object.at("id").get<std::string>();
        envelope.kind = kind_of(object.at("kind").get<std::string>());
        envelope.arrived =
            WallTime(std::chrono::milliseconds(number(object.at("arrived"), 9'000'000'000'000)));
        envelope.size = number(object.at("size"));
        if (object.contains("attempts"))
            envelope.attempts = static_cast<unsigned>(number(object["attempts"], 4'000'000'000));
        envelope.sender = sender_of(object.at("sender"));
        envelope.original_sender = object.value("original_sender", std::string());
        envelope.authenticated = object.value("authenticated", false);
        envelope.via = object.value("via", std::string());
        for (const auto& each : object.at("owed")) envelope.owed.push_back(owed_of(each));
        if (!is_spool_id(envelope.id) || envelope.owed.empty()) return {};
        return envelope;
    } catch (const nlohmann::json::exception&) {
        return {};
    }
}

Result<std::string> message_head(const Queued& envelope) {
    const std::string text = to_text(envelope);
    if (text.size() > largest_envelope)
        return fail_errno(envelope.id, "its envelope is too large", EFBIG);
    return fmt::format("{}{:0{}}\n{}", first_word, text.size(), length_digits, text);
}

namespace {

std::optional<std::size_t> length_in(std::string_view line) {
    if (line.size() < first_line || !line.starts_with(first_word) || line[first_line - 1] != '\n')
        return {};
    const std::string_view digits = line.substr(first_word.size(), length_digits);
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc() || end != digits.data() + digits.size() || length > largest_envelope)
        return {};
    return length;
}

// What follows of the file, appended to `text` until that has `size` octets or there is no more.
Result<> read_up_to(disk::File& file, std::size_t size, std::string& text) {
    const std::size_t before = text.size();
    if (before >= size) return {};
    text.resize(size);
    const auto got = disk::read_fully(file, before, std::span(text).subspan(before));
    text.resize(before + got.value_or(0));
    if (!got) return tl::unexpected(got.error());
    return {};
}

}  // namespace

Result<MessageHead> read_message_head(disk::File& file) {
    std::string text(first_block, '\0');
    const auto got = file.read_at(0, text.data(), text.size());
    if (!got) return tl::unexpected(got.error());
    text.resize(*got);
    const Fault damaged{"", "the message does not begin as it should", false, EBADMSG};
    const auto length = length_in(text);
    if (!length) return tl::unexpected(damaged);
    const std::size_t begin = first_line + *length;
    if (auto rest = read_up_to(file, begin, text); !rest) return tl::unexpected(rest.error());
    if (text.size() < begin) return tl::unexpected(damaged);
    text.resize(begin);
    text.erase(0, first_line);
    return MessageHead{std::move(text), begin};
}

Result<std::size_t> QueuedMessage::read_at(std::uint64_t offset, char* into, std::size_t size) {
    if (offset >= envelope.size) return 0;
    return file->read_at(begin + offset, into, std::min<std::uint64_t>(size, envelope.size - offset));
}

std::string message_file(std::string_view id, std::int64_t next, std::string_view destination) {
    return fmt::format("{},{},{}{}", id, next, destination, message_end);
}

std::string changed_file(std::string_view id) { return fmt::format("{}{}", id, changed_end); }
std::string unfinished_file(std::string_view id) { return fmt::format("{}{}", id, unfinished_end); }

std::optional<QueueName> queue_name(std::string_view file) {
    if (!file.ends_with(message_end)) return {};
    const std::string_view fields = file.substr(0, file.size() - message_end.size());
    const auto first = fields.find(','), second = fields.find(',', first + 1);
    if (first == fields.npos || second == fields.npos) return {};
    QueueName name{fields.substr(0, first), 0, fields.substr(second + 1)};
    const std::string_view number = fields.substr(first + 1, second - first - 1);
    // One time, one spelling: no sign (not even of a zero), no leading zero, nothing a clock cannot say.
    std::uint64_t next = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), next);
    if (error != std::errc() || end != number.data() + number.size() || next > 9'000'000'000 ||
        (number.size() > 1 && number.front() == '0'))
        return {};
    name.next = static_cast<std::int64_t>(next);
    if (!is_spool_id(name.id) || name.destination.empty()) return {};
    if (name.destination != long_destination && !decode_name(name.destination)) return {};
    return name;
}

std::optional<std::string_view> changed_id(std::string_view file) { return stem(file, changed_end); }
std::optional<std::string_view> unfinished_id(std::string_view file) {
    return stem(file, unfinished_end);
}

std::string destination_in_name(const Queued& envelope) {
    std::string encoded = encode_name(envelope.destination());
    return encoded.size() > longest_destination ? std::string(long_destination) : encoded;
}

}  // namespace mailhandler::store
