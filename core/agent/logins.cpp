#include "agent/logins.hpp"

#include <crypt.h>
#include <memory>

#include "agent/password.hpp"

namespace mailhandler::agent {

namespace {

// A flood of logins that are right may not eat the memory.
constexpr std::size_t most_remembered = 10000;

// SHA-256 crypt with its fewest rounds: half a millisecond. It only has to hold in this process's
// memory, for a minute.
std::string cheap_hash(std::string_view password, const std::string& setting) {
    const auto data = std::make_unique<crypt_data>();  // 32 KiB: not for a stack
    const char* hash = crypt_r(std::string(password).c_str(), setting.c_str(), data.get());
    return hash ? hash : "";
}

// MD5 crypt, which another server may have left behind, is quicker than what it would be remembered by.
bool worth_remembering(std::string_view hash) { return !hash.starts_with("$1$"); }

struct Found {
    std::string hash;
    std::optional<Account> account;
};

Found find_default(const route::Directory& directory, std::string_view name) {
    const auto canonical = mail::canonical_domain(name);
    if (!canonical) return {};
    const auto domain = directory.find(*canonical);
    if (!domain || domain->fallback.password.empty()) return {};
    return {domain->fallback.password,
            Account{domain->default_name(), domain->fallback.quota,
                    domain->fallback.action != route::Default::Action::deliver}};
}

Found find(const route::Directory& directory, std::string_view login) {
    if (login.find('@') == std::string_view::npos) return find_default(directory, login);
    if (login.front() == '@') return find_default(directory, login.substr(1));
    const auto address = mail::Address::parse(login);
    if (!address) return {};
    const auto domain = directory.find(address->domain());
    const route::Mailbox* mailbox = domain ? domain->mailbox(address->local_key()) : nullptr;
    if (!mailbox || mailbox->password.empty()) return {};
    return {mailbox->password, Account{domain->name_of(*mailbox), mailbox->quota, false}};
}

}  // namespace

std::optional<Account> Logins::verify(const route::Directory& directory, std::string_view login,
                                      std::string_view password) {
    Found found = find(directory, login);
    const std::string key(login);
    if (found.account && remembered(key, found.hash, password)) return std::move(found.account);
    // The hash of a name that does not exist is empty: as slow, and never right.
    if (!verify_password(found.hash, password) || !found.account) return {};
    if (worth_remembering(found.hash)) remember(key, found.hash, password);
    return std::move(found.account);
}

bool Logins::remembered(const std::string& key, const std::string& hash,
                        std::string_view password) {
    std::string proof;
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(key);
        if (known == known_.end()) return false;
        if (known->second.until < clock_.now() || known->second.hash != hash) {
            known_.erase(known);
            return false;
        }
        proof = known->second.proof;
    }
    return cheap_hash(password, proof) == proof;
}

void Logins::remember(const std::string& key, const std::string& hash,
                      std::string_view password) {
    const std::string salt = random_text(random_, 16);
    std::string proof = cheap_hash(password, "$5$rounds=1000$" + salt);
    if (proof.empty() || proof.front() == '*') return;  // crypt(3)'s way to say no
    const std::lock_guard lock(mutex_);
    if (known_.size() >= most_remembered) known_.clear();
    known_[key] = {std::move(proof), hash, clock_.now() + remember_};
}

}  // namespace mailhandler::agent
