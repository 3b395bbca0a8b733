#include "smtp/command.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace mailhandler::smtp {

namespace {

constexpr std::pair<std::string_view, Verb> verbs[] = {
    {"MAIL", Verb::mail},     {"RCPT", Verb::rcpt},         {"DATA", Verb::data},
    {"BDAT", Verb::bdat},     {"EHLO", Verb::ehlo},         {"HELO", Verb::helo},
    {"LHLO", Verb::lhlo},     {"QUIT", Verb::quit},         {"RSET", Verb::rset},
    {"NOOP", Verb::noop},     {"STARTTLS", Verb::starttls}, {"AUTH", Verb::auth},
    {"VRFY", Verb::vrfy},     {"EXPN", Verb::expn},         {"HELP", Verb::help},
    {"SEND", Verb::obsolete}, {"SOML", Verb::obsolete},     {"SAML", Verb::obsolete},
    {"TURN", Verb::obsolete},
};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

// Takes `word` off the front, in any case.
bool take_word(std::string_view& text, std::string_view word) {
    if (!same_word(text.substr(0, word.size()), word)) return false;
    text.remove_prefix(word.size());
    return true;
}

// The next word, the blanks before it dropped; empty at the end.
std::string_view next_word(std::string_view& text) {
    text = trim(text);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

// esmtp-param = esmtp-keyword ["=" esmtp-value]
struct Parameter {
    std::string_view key;
    std::optional<std::string_view> value;

    explicit Parameter(std::string_view word) : key(word.substr(0, word.find('='))) {
        if (key.size() < word.size()) value = word.substr(key.size() + 1);
    }
    bool is(std::string_view name) const { return same_word(key, name); }
};

tl::unexpected<Reply> bad_value(const Parameter& parameter) {
    return refused(501, "5.5.4", "Bad value for " + std::string(parameter.key));
}

tl::unexpected<Reply> unknown_parameter(const Parameter& parameter) {
    return refused(555, "5.5.4",
                   "Parameter " + std::string(parameter.key) + " is not supported here");
}

// Remembers which parameters were there; true when this one was already.
class Seen {
  public:
    bool again(int which) {
        const unsigned bit = 1u << which;
        return (std::exchange(bits_, bits_ | bit) & bit) != 0;
    }

  private:
    unsigned bits_ = 0;
};

// Path = "<" [ A-d-l ":" ] Mailbox ">"
// Takes the path with its brackets, and gives what stands between them. A ">" in a quoted local
// part does not end it.
std::optional<std::string_view> take_path(std::string_view& text) {
    if (text.empty() || text.front() != '<') return std::nullopt;
    bool quoted = false;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == '>' && !quoted) {
            const std::string_view path = text.substr(1, i - 1);
            text.remove_prefix(i + 1);
            if (!text.empty() && !blank(text.front())) return std::nullopt;
            return path;
        }
    }
    return std::nullopt;
}

// A-d-l = At-domain *( "," At-domain ): accepted and ignored (RFC 5321 section 4.1.1.3).
std::string_view without_route(std::string_view path) {
    if (path.empty() || path.front() != '@') return path;
    const std::size_t colon = path.find(':');
    return colon == std::string_view::npos ? path : path.substr(colon + 1);
}

bool parse_number(std::string_view digits, std::uint64_t& number) {
    // size-value ::= 1*20DIGIT; what does not fit in 64 bits is the largest number.
    if (digits.empty() || digits.size() > 20) return false;
    if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return false;
    }
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (result.ec == std::errc::result_out_of_range) number = UINT64_MAX;
    return true;
}

enum MailParameter { size_p, body_p, smtputf8_p, ret_p, envid_p, auth_p };

// One parameter of MAIL into `sender`.
Understood<void> take_mail_parameter(const Parameter& parameter, const MailRules& rules,
                                     mail::Sender& sender, Seen& seen) {
    const std::string_view value = parameter.value.value_or(std::string_view());
    const auto once = [&](int which, bool good) -> Understood<void> {
        if (seen.again(which) || !good) return bad_value(parameter);
        return {};
    };
    if (parameter.is("SIZE")) {
        std::uint64_t size = 0;
        const bool good = parse_number(value, size);
        sender.size = size;
        return once(size_p, good);
    }
    if (parameter.is("BODY")) {
        if (same_word(value, "BINARYMIME")) {
            return refused(555, "5.5.4", "BODY=BINARYMIME is not supported here, 8BITMIME is");
        }
        const bool eight = same_word(value, "8BITMIME");
        if (eight) sender.body = mail::BodyType::eight_bit_mime;
        return once(body_p, eight || same_word(value, "7BIT"));
    }
    if (parameter.is("SMTPUTF8")) {
        sender.smtputf8 = true;
        return once(smtputf8_p, !parameter.value);
    }
    if (parameter.is("RET")) {
        const bool full = same_word(value, "FULL");
        sender.ret = full ? mail::Ret::full : mail::Ret::headers;
        return once(ret_p, full || same_word(value, "HDRS"));
    }
    if (parameter.is("ENVID")) {  // at most 100 octets, RFC 3461 section 4.4
        return once(envid_p,
                    !value.empty() && value.size() <= 100 && decode_xtext(value, sender.envid));
    }
    if (rules.auth && parameter.is("AUTH")) return once(auth_p, !value.empty());
    return unknown_parameter(parameter);
}

// NOTIFY= "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" ), RFC 3461 section 4.1
bool parse_notify(std::string_view value, mail::Notify& notify) {
    notify.given = true;
    if (same_word(value, "NEVER")) return notify.never = true;
    for (;;) {
        const std::string_view word = value.substr(0, value.find(','));
        bool& flag = same_word(word, "SUCCESS")   ? notify.success
                     : same_word(word, "FAILURE") ? notify.failure
                                                  : notify.delay;
        if (&flag == &notify.delay && !same_word(word, "DELAY")) return false;
        flag = true;
        if (word.size() == value.size()) return true;
        value.remove_prefix(word.size() + 1);
    }
}

// ORCPT= addr-type ";" xtext, at most 500 octets (RFC 3461 section 4.2); utf-8 addresses have an
// encoding of their own (RFC 6533 section 3), which is xtext as far as a relay must know.
bool good_orcpt(std::string_view value, bool smtputf8) {
    const std::size_t semicolon = value.find(';');
    if (semicolon == 0 || semicolon == std::string_view::npos || value.size() > 500) return false;
    std::string decoded;
    const bool utf8 = same_word(value.substr(0, semicolon), "utf-8");
    if (utf8 && smtputf8) {
        return std::all_of(value.begin(), value.end(), [](char c) {
            return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
        });
    }
    return semicolon + 1 < value.size() && decode_xtext(value.substr(semicolon + 1), decoded);
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return upper(x) == upper(y); });
}

Command parse_command(std::string_view line) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    Command command{Verb::unknown, trim(line.substr(end))};
    for (const auto& [name, verb] : verbs) {
        if (same_word(line.substr(0, end), name)) command.verb = verb;
    }
    return command;
}

Understood<mail::Sender> parse_mail(std::string_view argument, const MailRules& rules) {
    if (!take_word(argument, "FROM:")) {
        return refused(501, "5.5.4", "Write MAIL FROM:<address>, or MAIL FROM:<> for a bounce");
    }
    argument = trim(argument);
    const auto path = take_path(argument);
    if (!path) return refused(501, "5.1.7", "The sender belongs between < and >");
    mail::Sender sender;
    if (!path->empty()) {
        auto address = mail::Address::parse(without_route(*path));
        if (!address) return refused(501, "5.1.7", "Bad sender address: " + address.error().cause);
        sender.address = std::move(*address);
    }
    Seen seen;
    for (auto word = next_word(argument); !word.empty(); word = next_word(argument)) {
        auto taken = take_mail_parameter(Parameter(word), rules, sender, seen);
        if (!taken) return tl::unexpected<Reply>(std::move(taken.error()));
    }
    if (sender.address && sender.address->needs_smtputf8() && !sender.smtputf8) {
        return refused(553, "5.6.7", "This sender address needs SMTPUTF8");
    }
    if (rules.message_size != 0 && sender.size.value_or(0) > rules.message_size) {
        return refused(552, "5.3.4",
                       "The message is too large: at most " + std::to_string(rules.message_size) +
                           " octets are accepted");
    }
    return sender;
}

Understood<mail::Recipient> parse_rcpt(std::string_view argument, bool smtputf8) {
    if (!take_word(argument, "TO:")) return refused(501, "5.5.4", "Write RCPT TO:<address>");
    argument = trim(argument);
    const auto path = take_path(argument);
    if (!path) return refused(501, "5.1.3", "The recipient belongs between < and >");
    auto address = mail::Address::parse_recipient(without_route(*path));
    if (!address) return refused(501, "5.1.3", "Bad recipient address: " + address.error().cause);
    mail::Recipient recipient{std::move(*address), {}, {}};
    Seen seen;
    for (auto word = next_word(argument); !word.empty(); word = next_word(argument)) {
        const Parameter parameter(word);
        const std::string_view value = parameter.value.value_or(std::string_view());
        bool good = false;
        if (parameter.is("NOTIFY")) {
            good = !seen.again(0) && parse_notify(value, recipient.notify);
        } else if (parameter.is("ORCPT")) {
            good = !seen.again(1) && good_orcpt(value, smtputf8);
            recipient.orcpt = value;
        } else {
            return unknown_parameter(parameter);
        }
        if (!good) return bad_value(parameter);
    }
    if (recipient.address.needs_smtputf8() && !smtputf8) {
        return refused(553, "5.6.7", "This recipient address needs SMTPUTF8 on MAIL");
    }
    return recipient;
}

Understood<Chunk> parse_bdat(std::string_view argument) {
    Chunk chunk;
    const bool number = parse_number(next_word(argument), chunk.size);
    const std::string_view last = next_word(argument);
    chunk.last = same_word(last, "LAST");
    if (!number || (!chunk.last && !last.empty()) || !trim(argument).empty()) {
        return refused(501, "5.5.4", "Write BDAT <octets>, or BDAT <octets> LAST");
    }
    return chunk;
}

bool decode_xtext(std::string_view text, std::string& into) {
    into.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] < '!' || text[i] > '~' || text[i] == '=') return false;
        if (text[i] != '+') {
            into.push_back(text[i]);
            continue;
        }
        // hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
        unsigned value = 0;
        if (i + 2 >= text.size()) return false;
        const char* digits = text.data() + i + 1;
        if (digits[0] > 'F' || digits[1] > 'F') return false;
        const auto result = std::from_chars(digits, digits + 2, value, 16);
        // A decoded control character has no business in a header or a report.
        if (result.ptr != digits + 2 || value < ' ' || value == 0x7f) return false;
        into.push_back(static_cast<char>(value));
        i += 2;
    }
    return true;
}

std::string encode_xtext(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (c >= '!' && c <= '~' && c != '+' && c != '=') {
            encoded.push_back(c);
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        encoded.append({'+', hex[octet >> 4], hex[octet & 15]});
    }
    return encoded;
}

}  // namespace mailhandler::smtp
