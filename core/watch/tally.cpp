#include "watch/tally.hpp"

#include <algorithm>

#include "mail/address.hpp"

namespace mailhandler::watch {

namespace {

// Rules that say nothing about this one address (route::name of Rule): its name may be a guess.
bool is_guess(const Event& event) {
    return event.rule.starts_with("default-") || event.rule == "not-ours" || event.rule.empty();
}

bool seen_more(const History& a, const History& b) {
    const auto of = [](const History& history) {
        return history.counts.messages() + history.counts.logins + history.counts.failed_logins;
    };
    if (of(a) != of(b)) return of(a) > of(b);
    if (a.last != b.last) return a.last > b.last;
    return a.name < b.name;
}

std::string key_of(const std::string& recipient) {
    if (recipient.empty()) return {};
    const auto address = mail::Address::parse_recipient(recipient);
    return address ? address->key() : recipient;
}

}  // namespace

void Counts::add(const Event& event) {
    switch (event.what) {
        case What::accepted: ++accepted, octets += event.size; break;
        case What::fetched: ++fetched, octets += event.size; break;
        case What::refused: ++refused; break;
        case What::deferred: ++deferred; break;
        case What::held: ++held; break;
        case What::bounced: ++bounced; break;
        case What::login: ++logins; break;
        case What::login_failed: ++failed_logins; break;
        default: break;
    }
}

Counts& Counts::operator+=(const Counts& other) {
    accepted += other.accepted, refused += other.refused, deferred += other.deferred;
    fetched += other.fetched, held += other.held, bounced += other.bounced;
    logins += other.logins, failed_logins += other.failed_logins, octets += other.octets;
    return *this;
}

History& Histories::at(const std::string& name, WallTime when) {
    auto found = known_.find(name);
    if (found == known_.end()) {
        if (known_.size() >= 2 * keep_) prune();
        found = known_.try_emplace(name).first;
        found->second.name = name;
        found->second.first = found->second.last = when;
    }
    History& history = found->second;
    history.first = std::min(history.first, when);
    history.last = std::max(history.last, when);
    return history;
}

void Histories::prune() {
    std::vector<const History*> all;
    all.reserve(known_.size());
    for (const auto& [name, history] : known_) all.push_back(&history);
    const auto kept = all.begin() + static_cast<std::ptrdiff_t>(std::min(keep_, all.size()));
    std::nth_element(all.begin(), kept, all.end(),
                     [](const History* a, const History* b) { return seen_more(*a, *b); });
    for (auto at = kept; at != all.end(); ++at) {
        ++dropped_.names;
        dropped_.counts += (*at)->counts;
        known_.erase(std::string((*at)->name));
    }
}

std::vector<History> Histories::top() const {
    std::vector<History> all;
    all.reserve(known_.size());
    for (const auto& [name, history] : known_) all.push_back(history);
    std::sort(all.begin(), all.end(), seen_more);
    if (all.size() > keep_) all.resize(keep_);
    return all;
}

Histories::Others Histories::others() const {
    Others others = dropped_;
    if (known_.size() <= keep_) return others;
    std::vector<History> all;
    for (const auto& [name, history] : known_) all.push_back(history);
    std::sort(all.begin(), all.end(), seen_more);
    for (std::size_t i = keep_; i < all.size(); ++i) {
        ++others.names;
        others.counts += all[i].counts;
    }
    return others;
}

Tally::Tally(Only only, std::size_t keep)
    : only_(std::move(only)), defined_(keep), guessed_(keep), peers_(keep) {}

bool Tally::wanted(const Event& event, const std::string& key) const {
    if (!only_.address.empty()) return key == only_.address;
    if (only_.domain.empty()) return true;
    if (event.domain == only_.domain) return true;
    const auto at = key.rfind('@');
    return at != key.npos && std::string_view(key).substr(at + 1) == only_.domain;
}

void Tally::add(const Event& event) {
    if (event.what == What::started || event.what == What::stopped) return;
    // Mail that leaves: whom others wrote to is nobody's history here.
    if (event.what == What::sent || event.what == What::postponed || event.what == What::failed)
        return;
    const std::string key = key_of(event.recipient);
    if (!wanted(event, key)) return;
    total_.add(event);
    days_[utc_day(event.when)].add(event);
    const bool guess = is_guess(event);
    if (!key.empty()) {
        History& history = (guess ? guessed_ : defined_).at(key, event.when);
        history.counts.add(event);
        // A login's rule is the protocol's name: it decided about no mail.
        const bool login = event.what == What::login || event.what == What::login_failed;
        if (history.last == event.when && !login) history.rule = event.rule;
    }
    if (!event.peer.empty()) {
        History& peer = peers_.at(event.peer, event.when);
        peer.counts.add(event);
        if (!key.empty() && guess) ++peer.guesses;
    }
}

}  // namespace mailhandler::watch
