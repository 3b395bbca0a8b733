#include "mail/srs.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "mail/header.hpp"
#include "mail/hmac_sha1.hpp"

namespace mailhandler::mail {

namespace {

constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view base64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr long long day_slots = 32 * 32;  // two characters; the days go round in them
constexpr std::size_t hash_size = 4;      // characters, 24 bits

auto no(std::string cause) { return fail("", std::move(cause), false); }

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
}

bool tagged(std::string_view local, std::string_view tag) {
    return local.size() > tag.size() && same_name(local.substr(0, tag.size()), tag) &&
           std::string_view("=-+").find(local[tag.size()]) != std::string_view::npos;
}

// The hash covers the text in lower case: some hosts smash the case of a local part.
std::string hash_of(std::string_view secret, std::string_view signed_text) {
    const Sha1Digest digest = hmac_sha1(secret, lower(signed_text));
    const unsigned bits = digest[0] << 16 | digest[1] << 8 | digest[2];
    std::string hash;
    for (int shift = 18; shift >= 0; shift -= 6) hash += base64[bits >> shift & 63];
    return hash;
}

long long day_of(WallTime time) {
    return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

std::string timestamp(WallTime now) {
    const auto slot = static_cast<std::size_t>(day_of(now) % day_slots);
    return {base32[slot / 32], base32[slot % 32]};
}

// Days since `text`; nothing where that is no timestamp. One of tomorrow is nearly three years old.
std::optional<long long> age(std::string_view text, WallTime now) {
    if (text.size() != 2) return {};
    long long slot = 0;
    for (const char c : text) {
        const auto digit = base32.find(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
        if (digit == base32.npos) return {};
        slot = slot * 32 + static_cast<long long>(digit);
    }
    return (day_of(now) % day_slots + day_slots - slot) % day_slots;
}

// What stands before the next '='; the rest stays in `text`. Nothing where there is none.
std::optional<std::string_view> field(std::string_view& text) {
    const auto end = text.find('=');
    if (end == text.npos) return {};
    const std::string_view found = text.substr(0, end);
    text.remove_prefix(end + 1);
    return found;
}

Result<Address> address(std::string_view local, std::string_view domain) {
    return Address::parse_sender(quote_local(local).append(1, '@').append(domain));
}

std::string joined(std::initializer_list<std::string_view> pieces) {
    std::string out;
    for (const std::string_view piece : pieces) out += piece;
    return out;
}

}  // namespace

bool is_srs(std::string_view local) { return tagged(local, "SRS0") || tagged(local, "SRS1"); }

Srs::Srs(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {
    const auto empty = [](const std::string& secret) { return secret.empty(); };
    if (secrets_.empty() || std::any_of(secrets_.begin(), secrets_.end(), empty))
        throw std::invalid_argument("an SRS secret is empty");
}

Result<Address> Srs::forward(const Address& sender, std::string_view domain, WallTime now) const {
    if (sender.domain() == domain) return sender;
    const std::string_view local = sender.local();
    std::string_view host = sender.domain(), user;
    if (tagged(local, "SRS1")) {
        // Forwarded twice before: only the first of them matters to a bounce.
        user = local.substr(5);
        const auto hash = field(user), first = field(user);
        if (hash && first && !first->empty() && !user.empty()) {
            return address(joined({"SRS1=", hash_of(secrets_.front(), joined({*first, user})), "=",
                                   *first, "=", user}),
                           domain);
        }
    } else if (tagged(local, "SRS0")) {
        user = local.substr(4);  // with its own separator, which is not always '='
        return address(joined({"SRS1=", hash_of(secrets_.front(), joined({host, user})), "=", host,
                               "=", user}),
                       domain);
    }
    const std::string day = timestamp(now);
    return address(joined({"SRS0=", hash_of(secrets_.front(), joined({day, host, local})), "=", day,
                           "=", host, "=", local}),
                   domain);
}

// Exactly as we wrote it, or with its case smashed on the way.
bool Srs::genuine(std::string_view hash, std::string_view signed_text) const {
    bool found = false;
    if (hash.size() != hash_size) return false;
    for (const std::string& secret : secrets_)
        found |= same_name(hash, hash_of(secret, signed_text));
    return found;
}

Result<Address> Srs::reverse(const Address& given, WallTime now) const {
    const std::string_view local = given.local();
    if (!is_srs(local)) return no("it is no SRS address");
    std::string_view rest = local.substr(5);
    const auto hash = field(rest);
    if (tagged(local, "SRS1")) {
        const auto host = field(rest);
        if (!hash || !host || host->empty() || rest.empty())
            return no("its SRS1 form is not complete");
        if (!genuine(*hash, joined({*host, rest}))) return no("its SRS hash is not one of ours");
        return address(joined({"SRS0", rest}), *host);
    }
    const auto day = field(rest), host = field(rest);
    if (!hash || !day || !host || host->empty() || rest.empty())
        return no("its SRS0 form is not complete");
    if (!genuine(*hash, joined({*day, *host, rest}))) return no("its SRS hash is not one of ours");
    const auto days = age(*day, now);
    if (!days || *days > valid_days) return no("its SRS time is over");
    return address(rest, *host);
}

}  // namespace mailhandler::mail
