// Directories for tests, made in a few words.
#pragma once

#include <initializer_list>
#include <string>

#include "route/route.hpp"

namespace made {

using namespace mailhandler;
using namespace mailhandler::route;
using namespace std::chrono_literals;

constexpr Date today = 2026y / 11 / 23;

inline mail::Address addr(const std::string& text) {
    return mail::Address::parse_recipient(text).value();
}

// Builds one Domain. Lines count up from 1 as things are added.
struct Maker {
    explicit Maker(const std::string& name) {
        domain.name = name;
        domain.file = "domains/" + name + ".toml";
    }
    Maker& mailbox(const std::string& local) {
        domain.mailboxes[key(local)] = {.key = key(local), .spelling = local, .line = ++line};
        return *this;
    }
    Maker& bouncer(const std::string& local, std::string text = {},
                   std::optional<Date> until = {}) {
        domain.bouncers[key(local)] = {key(local), local, ++line, std::move(text), until};
        return *this;
    }
    Maker& alias(const std::string& local, std::initializer_list<std::string> targets) {
        Alias alias{key(local), local, ++line, {}};
        for (const std::string& text : targets) alias.targets.push_back(target(text));
        domain.aliases[key(local)] = alias;
        return *this;
    }
    Maker& deliver() { return action(Default::Action::deliver); }
    Maker& reject(std::string text = {}) {
        domain.fallback.text = std::move(text);
        return action(Default::Action::reject);
    }
    Maker& forward(std::initializer_list<std::string> targets) {
        action(Default::Action::forward);
        for (const std::string& text : targets) domain.fallback.forward.push_back(target(text));
        return *this;
    }
    Maker& subdomains() {
        domain.fallback.subdomains = true;
        domain.fallback.subdomains_line = ++line;
        return *this;
    }
    Maker& elsewhere(const std::string& local) {
        domain.fallback.elsewhere[key(local)] = ++line;
        return *this;
    }
    Maker& broken() {
        domain.unavailable = true;
        domain.why_unavailable = "line 3: not TOML";
        return *this;
    }

    Domain domain;
    unsigned line = 0;

  private:
    static std::string key(const std::string& local) {
        return mail::canonical_local(local).value();
    }
    Maker& action(Default::Action action) {
        domain.fallback.action = action;
        domain.fallback.line = ++line;
        return *this;
    }
    Target target(const std::string& text) {
        if (text == "@default") return {Target::Kind::catch_all, {}, text, ++line};
        const bool local = text.find('@') == text.npos;
        return {local ? Target::Kind::local : Target::Kind::remote,
                addr(local ? text + "@" + domain.name : text), text, ++line};
    }
};

inline Directory directory(std::initializer_list<Maker> makers, const std::string& postmaster = {},
                           const std::string& hostname = {}) {
    Directory::Domains domains;
    for (const Maker& maker : makers)
        domains[maker.domain.name] = std::make_shared<const Domain>(maker.domain);
    std::optional<mail::Address> site;
    if (!postmaster.empty()) site = addr(postmaster);
    return Directory(std::move(domains), site, site ? 7 : 0, hostname);
}

// "mailbox anne@example.com, forward x@y" | "550 5.1.1 text" | "451 4.3.5"
inline std::string told(const Route& route) {
    if (const auto* no = std::get_if<Refuse>(&route.outcome))
        return std::to_string(no->code) + ' ' + no->enhanced + ' ' + no->text;
    if (const auto* later = std::get_if<Defer>(&route.outcome))
        return std::to_string(later->code) + ' ' + later->enhanced;
    std::string text;
    for (const Destination& to : std::get<Deliver>(route.outcome).to) {
        if (!text.empty()) text += ", ";
        if (const auto* box = std::get_if<ToMailbox>(&to))
            text += "mailbox " + box->mailbox.text();
        else
            text += "forward " + std::get<ToForward>(to).address.given();
    }
    return text;
}

// "rule:line subject; …", shadowed ones in parentheses.
inline std::string way(const Route& route) {
    std::string text;
    for (const Step& step : route.steps) {
        if (!text.empty()) text += ", ";
        const std::string one = std::string(name(step.rule)) + ':' + std::to_string(step.line);
        text += step.shadowed ? "(" + one + ")" : one;
    }
    return text;
}

inline std::string told(const Directory& directory, const std::string& address, Date day = today) {
    return told(route::route(directory, addr(address), day));
}
inline std::string way(const Directory& directory, const std::string& address) {
    return way(route::route(directory, addr(address), today));
}

}  // namespace made
