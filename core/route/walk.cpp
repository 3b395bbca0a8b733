#include "route/walk.hpp"

#include <fmt/format.h>

namespace mailhandler::route {

namespace {

std::string spelled(const std::vector<Target>& targets) {
    std::string text = "to ";
    for (const Target& target : targets) {
        if (text.size() > 3) text += ", ";
        if (text.size() > 200) return text + "…";
        text += target.spelling;
    }
    return text;
}

std::string name_of(const Destination& destination) {
    if (const auto* box = std::get_if<ToMailbox>(&destination))
        return box->mailbox.domain() + '/' + box->mailbox.local();
    return std::get<ToForward>(destination).address.key();
}

}  // namespace

std::string show(Date date) {
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

Rule rule_of(const Default& fallback) {
    switch (fallback.action) {
        case Default::Action::deliver: return Rule::default_deliver;
        case Default::Action::forward: return Rule::default_forward;
        case Default::Action::reject: break;
    }
    return Rule::default_reject;
}

Route Walk::run(const mail::Address& recipient) {
    Answer answer = recipient.domain().empty() ? bare_postmaster(recipient)
                                               : address(recipient, Catch::allowed);
    if (answer.kind == Kind::looped)
        defer("This address is misconfigured (a forwarding loop); try again later");
    if (!recipient.domain().empty())
        if (const auto domain = directory_.speaks_for(recipient.domain()))
            add_shadowed(directory_, *domain, recipient, today_, steps_);
    Route route{.outcome = Refuse{}, .steps = std::move(steps_)};
    if (deferred_) {
        route.outcome = std::move(*deferred_);
    } else if (!to_.empty()) {
        route.outcome = Deliver{std::move(to_)};
    } else {
        route.outcome = std::move(answer.refuse);
    }
    return route;
}

// RFC 5321 section 4.5.1: `postmaster` without a domain is always taken.
Walk::Answer Walk::bare_postmaster(const mail::Address& recipient) {
    if (const auto home = directory_.home()) {
        step(Rule::postmaster, *home, 0, "postmaster", "belongs to " + home->name);
        if (home->unavailable) return address(recipient, Catch::allowed);
        return postmaster(*home, recipient);
    }
    const Answer answer = site_postmaster(recipient);
    return answer.kind == Kind::taken ? answer : defer("No postmaster is configured yet");
}

Walk::Answer Walk::address(const mail::Address& address, Catch may) {
    const auto domain =
        address.domain().empty() ? directory_.home() : directory_.speaks_for(address.domain());
    if (!domain) {
        steps_.push_back({.rule = Rule::not_ours, .subject = address.domain()});
        return refuse(Why::relaying_denied, "5.7.1", "Relaying denied");
    }
    if (domain->unavailable) {
        step(Rule::unavailable, *domain, 0, domain->name, domain->why_unavailable);
        return defer("The configuration of this domain cannot be read at present");
    }
    if (domain->name != address.domain())
        step(Rule::subdomains, *domain, domain->fallback.subdomains_line, address.domain(),
             domain->name + " speaks for it");
    return in_domain(*domain, address, may);
}

Walk::Answer Walk::in_domain(const Domain& domain, const mail::Address& address, Catch may) {
    const std::string& key = address.local_key();
    if (mail::is_postmaster(key)) return postmaster(domain, address);
    Answer answer = exact(domain, key, address);
    if (answer.kind != Kind::no_match) return answer;
    if (address.has_tag()) {
        const mail::Address bare = address.without_tag();
        const std::size_t before = steps_.size();
        step(Rule::tag, domain, 0, bare.key(),
             "tag " + key.substr(bare.local_key().size()) + " stripped");
        answer = mail::is_postmaster(bare.local_key()) ? postmaster(domain, bare)
                                                       : exact(domain, bare.local_key(), bare);
        if (answer.kind != Kind::no_match) return answer;
        // an expired bouncer of the bare name stays: it is worth knowing
        if (steps_.size() == before + 1) steps_.pop_back();
    }
    if (may == Catch::allowed) return fallback(domain, address);
    step(Rule::undefined, domain, 0, address.key(),
         "not defined, and an alias's target never falls into the default");
    return refuse(Why::unknown, "5.1.1", "No such address here");
}

Walk::Answer Walk::exact(const Domain& domain, const std::string& key, const mail::Address& as) {
    if (const Bouncer* bouncer = domain.bouncer(key)) {
        if (bouncer->in_force(today_)) return this->bouncer(domain, *bouncer, as);
        step(Rule::bouncer_expired, domain, bouncer->line, as.key(),
             "until " + show(*bouncer->until) + ", which is past");
    }
    if (const Mailbox* mailbox = domain.mailbox(key)) return take_mailbox(domain, *mailbox, as);
    if (const Alias* alias = domain.alias(key)) return this->alias(domain, *alias, as);
    const auto elsewhere = domain.fallback.elsewhere.find(key);
    if (elsewhere == domain.fallback.elsewhere.end()) return {};
    step(Rule::elsewhere, domain, elsewhere->second, as.key(), "lives at the host");
    return refuse(Why::elsewhere, "5.1.6", "This address lives at another host of its domain");
}

Walk::Answer Walk::bouncer(const Domain& domain, const Bouncer& bouncer, const mail::Address& as) {
    step(Rule::bouncer, domain, bouncer.line, as.key(),
         bouncer.until ? "until " + show(*bouncer.until) : "");
    return refuse(Why::bouncer, "5.1.1",
                  bouncer.text.empty() ? "This address is no longer in use" : bouncer.text);
}

template <class Visit>
Walk::Answer Walk::once(const std::string& name, const Domain& domain, unsigned line, Visit visit) {
    const auto [entry, first] = visited_.emplace(name, Kind::looped);
    if (!first && entry->second != Kind::looped)
        return {entry->second,
                {Why::targets_refuse, 550, "5.1.1", "All targets of this address refuse mail"}};
    if (!first || depth_ >= deepest) {
        step(Rule::loop, domain, line, name,
             first ? "more than 100 steps deep" : "comes back to itself");
        return {Kind::looped, {}};
    }
    ++depth_;
    Answer answer = visit();
    --depth_;
    visited_[name] = answer.kind;
    return answer;
}

Walk::Answer Walk::alias(const Domain& domain, const Alias& alias, const mail::Address& as) {
    return once(alias.key + '@' + domain.name, domain, alias.line, [&] {
        step(Rule::alias, domain, alias.line, as.key(), spelled(alias.targets));
        return targets(domain, alias.targets, Catch::forbidden, as);
    });
}

Walk::Answer Walk::targets(const Domain& domain, const std::vector<Target>& targets, Catch may,
                           const mail::Address& as) {
    Answer all{Kind::refused, {Why::targets_refuse, 550, "5.1.1", ""}};
    for (const Target& target : targets) {
        const Answer answer = this->target(domain, target, may, as);
        if (answer.kind == Kind::taken) all.kind = Kind::taken;
        if (answer.kind == Kind::looped && all.kind == Kind::refused) all.kind = Kind::looped;
        if (answer.kind == Kind::refused && answer.refuse.why == Why::bouncer &&
            all.refuse.text.empty())
            all.refuse.text = answer.refuse.text;  // a leaver's words serve who wrote to his alias
    }
    if (all.refuse.text.empty()) all.refuse.text = "All targets of this address refuse mail";
    return all;
}

Walk::Answer Walk::target(const Domain& domain, const Target& target, Catch may,
                          const mail::Address& as) {
    if (target.kind == Target::Kind::catch_all) return fallback(domain, as);
    const bool ours = directory_.speaks_for(target.address.domain()) != nullptr;
    if (!ours) return take(ToForward{target.address, as});
    Answer answer = address(target.address, may);
    if (answer.kind == Kind::refused && answer.refuse.why == Why::elsewhere)
        return take(ToForward{target.address, as});
    return answer;
}

Walk::Answer Walk::fallback(const Domain& domain, const mail::Address& as) {
    const Default& fallback = domain.fallback;
    switch (fallback.action) {
        case Default::Action::reject:
            step(Rule::default_reject, domain, fallback.line, as.key());
            return refuse(Why::unknown, "5.1.1",
                          fallback.text.empty() ? "No such address here" : fallback.text);
        case Default::Action::deliver:
            step(Rule::default_deliver, domain, fallback.line, as.key());
            return take_default(domain, as);
        case Default::Action::forward: break;
    }
    if (fallback.forward.empty()) {
        step(Rule::default_forward, domain, fallback.line, as.key(), "names no address");
        return defer("The forwarding of this domain is misconfigured; try again later");
    }
    return once("@default of " + domain.name, domain, fallback.line, [&] {
        step(Rule::default_forward, domain, fallback.line, as.key(), spelled(fallback.forward));
        return targets(domain, fallback.forward, Catch::allowed, as);
    });
}

// Never refused: its own definition; else a default of deliver or forward; else the site's
// postmaster; else kept.
Walk::Answer Walk::postmaster(const Domain& domain, const mail::Address& as) {
    const std::string key = as.local_key();
    if (const Bouncer* bouncer = domain.bouncer(key))
        step(Rule::postmaster, domain, bouncer->line, as.key(),
             "its bouncer is ignored: postmaster is never refused");
    Answer answer;
    if (const Mailbox* mailbox = domain.mailbox(key)) return take_mailbox(domain, *mailbox, as);
    if (const Alias* alias = domain.alias(key)) answer = this->alias(domain, *alias, as);
    if (answer.kind == Kind::taken) return answer;
    if (domain.fallback.action != Default::Action::reject) answer = fallback(domain, as);
    if (answer.kind == Kind::taken) return answer;
    answer = site_postmaster(as);
    if (answer.kind == Kind::taken) return answer;
    step(Rule::postmaster, domain, 0, as.key(), "nobody else takes it: kept in @default");
    return take_default(domain, as);
}

Walk::Answer Walk::site_postmaster(const mail::Address& as) {
    const auto& site = directory_.postmaster();
    if (!site) return {};
    // Under way already: whoever asked goes on down the chain. Done already: what it came to.
    const auto [entry, first] = visited_.emplace("postmaster", Kind::looped);
    if (!first) return {entry->second, {}};
    steps_.push_back({.rule = Rule::postmaster,
                      .file = "mailhandler.toml",
                      .line = directory_.postmaster_line(),
                      .subject = as.key(),
                      .note = "to " + site->given()});
    Answer answer = directory_.speaks_for(site->domain()) ? address(*site, Catch::allowed)
                                                          : take(ToForward{*site, as});
    if (answer.kind == Kind::refused && answer.refuse.why == Why::elsewhere)
        answer = take(ToForward{*site, as});
    visited_["postmaster"] = answer.kind;
    return answer;
}

Walk::Answer Walk::refuse(Why why, std::string_view enhanced, std::string text) {
    return {Kind::refused, {why, 550, std::string(enhanced), std::move(text)}};
}

Walk::Answer Walk::defer(std::string text) {
    if (!deferred_) deferred_ = Defer{451, "4.3.5", std::move(text)};
    return {Kind::taken, {}};
}

Walk::Answer Walk::take(Destination destination) {
    if (!to_.empty()) {
        if (seen_.empty()) seen_.insert(name_of(to_.front()));
        if (!seen_.insert(name_of(destination)).second) return {Kind::taken, {}};
    }
    to_.push_back(std::move(destination));
    return {Kind::taken, {}};
}

Walk::Answer Walk::take_mailbox(const Domain& domain, const Mailbox& mailbox,
                                const mail::Address& as) {
    step(Rule::mailbox, domain, mailbox.line, as.key());
    return take(ToMailbox{domain.name_of(mailbox), as, mailbox.quota, false, mailbox.deliver});
}

Walk::Answer Walk::take_default(const Domain& domain, const mail::Address& as) {
    return take(
        ToMailbox{domain.default_name(), as, domain.fallback.quota, domain.fallback.one_copy, ""});
}

void Walk::step(Rule rule, const Domain& domain, unsigned line, std::string subject,
                std::string note) {
    steps_.push_back({rule, domain.file, line, std::move(subject), std::move(note), false});
}

}  // namespace mailhandler::route
