#include "store/layout.hpp"

namespace mailhandler::store {

namespace {

constexpr char digits[] = "0123456789ABCDEF";

bool stands_for_itself(unsigned char octet, bool first) {
    if (octet == '.') return !first;  // "." and ".." and hidden names cannot come about
    return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '_' ||
           octet == '+' || octet == '-';
}

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;  // lower case too: one name has one spelling
}

}  // namespace

std::string encode_name(std::string_view name) {
    // Never an empty component, which would be the directory above; no other name gives this.
    if (name.empty()) return "%";
    std::string encoded;
    encoded.reserve(name.size());
    for (const char each : name) {
        const auto octet = static_cast<unsigned char>(each);
        if (stands_for_itself(octet, encoded.empty())) {
            encoded += each;
        } else {
            encoded += {'%', digits[octet >> 4], digits[octet & 15]};
        }
    }
    return encoded;
}

Result<std::string> decode_name(std::string_view encoded) {
    const auto malformed = [&] {
        return fail(std::string(encoded), "is not a name that this program writes", false);
    };
    if (encoded == "%") return std::string();
    std::string name;
    for (std::size_t at = 0; at < encoded.size(); ++at) {
        if (encoded[at] != '%') {
            name += encoded[at];
            continue;
        }
        if (encoded.size() - at < 3) return malformed();
        const int high = hex_value(encoded[at + 1]), low = hex_value(encoded[at + 2]);
        if (high < 0 || low < 0) return malformed();
        name += static_cast<char>(high * 16 + low);
        at += 2;
    }
    // One name, one spelling: "%61" is not another way to say "a".
    if (encode_name(name) != encoded) return malformed();
    return name;
}

Layout::Layout(std::string root, std::string state) : root_(std::move(root)) {
    while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
    state_ = state.empty() ? root_ : from_root(state);
    while (state_.size() > 1 && state_.back() == '/') state_.pop_back();
}

std::string Layout::server_file() const { return root_ + "/mailhandler.toml"; }
std::string Layout::domains_dir() const { return root_ + "/domains"; }
std::string Layout::domain_file(const std::string& domain) const {
    return domains_dir() + '/' + encode_name(domain) + ".toml";
}
std::string Layout::fetch_dir() const { return root_ + "/fetch"; }
std::string Layout::fetch_file(const std::string& name) const {
    return fetch_dir() + '/' + encode_name(name) + ".toml";
}
std::string Layout::from_root(const std::string& path) const {
    return path.starts_with('/') ? path : root_ + '/' + path;
}

std::string Layout::mail_dir() const { return state_ + "/mail"; }
std::string Layout::domain_dir(const std::string& domain) const {
    return mail_dir() + '/' + encode_name(domain);
}
std::string Layout::stage_dir(const std::string& domain) const {
    return domain_dir(domain) + "/.stage";
}
std::string Layout::maildir(const route::MailboxName& name) const {
    return domain_dir(name.domain()) + '/' + mailbox_entry(name);
}

std::string Layout::queue_dir() const { return state_ + "/queue"; }
std::string Layout::held_dir() const { return state_ + "/held"; }
std::string Layout::journals_dir() const { return state_ + "/journal"; }
std::string Layout::journal_dir(const std::string& node) const {
    return journals_dir() + '/' + node;
}
std::string Layout::journal_file(const std::string& node, WallTime day) const {
    return journal_dir(node) + '/' + utc_day(day) + ".jsonl";
}
std::string Layout::state_dir() const { return state_ + "/state"; }
std::string Layout::removed_dir() const { return state_dir() + "/removed"; }
std::string Layout::spill_dir() const { return state_dir() + "/spill"; }
std::string Layout::ledger_dir() const { return state_dir() + "/ledger"; }
std::string Layout::serve_lock() const { return state_dir() + "/serve.lock"; }

std::string mailbox_entry(const route::MailboxName& name) {
    return name.is_default() ? name.local() : encode_name(name.local());
}

}  // namespace mailhandler::store
