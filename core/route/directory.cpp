#include "route/directory.hpp"

namespace mailhandler::route {

namespace {

template <class Map>
auto* look_up(const Map& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

const std::shared_ptr<const Domain>* own(const Directory::Domains& domains, std::string_view name) {
    const auto found = domains.find(name);
    return found == domains.end() || !found->second ? nullptr : &found->second;
}

// "a.b.example" → "b.example" → "example" → "" (an address literal → "" at once)
std::string_view parent(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == name.npos || name.front() == '[') return {};
    return name.substr(dot + 1);
}

}  // namespace

const Mailbox* Domain::mailbox(const std::string& key) const { return look_up(mailboxes, key); }
const Alias* Domain::alias(const std::string& key) const { return look_up(aliases, key); }
const Bouncer* Domain::bouncer(const std::string& key) const { return look_up(bouncers, key); }

Directory::Directory(Domains domains, std::optional<mail::Address> postmaster,
                     unsigned postmaster_line, std::string hostname)
    : domains_(std::make_shared<const Domains>(std::move(domains))),
      postmaster_(std::move(postmaster)),
      postmaster_line_(postmaster_line),
      hostname_(std::move(hostname)) {}

std::shared_ptr<const Domain> Directory::find(std::string_view name) const {
    const auto* domain = own(*domains_, name);
    return domain ? *domain : nullptr;
}

std::shared_ptr<const Domain> Directory::parent_for(std::string_view name) const {
    for (name = parent(name); !name.empty(); name = parent(name)) {
        const auto* domain = own(*domains_, name);
        if (domain && ((*domain)->unavailable || (*domain)->fallback.subdomains)) return *domain;
    }
    return nullptr;
}

std::shared_ptr<const Domain> Directory::speaks_for(std::string_view name) const {
    const auto* domain = own(*domains_, name);
    return domain ? *domain : parent_for(name);
}

std::shared_ptr<const Domain> Directory::home() const {
    const auto canonical = mail::canonical_domain(hostname_);
    std::string_view name = canonical ? std::string_view(*canonical) : std::string_view();
    for (; !name.empty(); name = parent(name))
        if (const auto* domain = own(*domains_, name)) return *domain;
    return domains_->empty() ? nullptr : domains_->begin()->second;
}

Directory Directory::with(const std::string& name, std::shared_ptr<const Domain> domain) const {
    Domains changed = *domains_;
    if (domain) {
        changed[name] = std::move(domain);
    } else {
        changed.erase(name);
    }
    return Directory(std::move(changed), postmaster_, postmaster_line_, hostname_);
}

}  // namespace mailhandler::route
