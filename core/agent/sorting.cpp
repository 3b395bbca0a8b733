#include "agent/sorting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "mail/bounceable.hpp"
#include "mail/header.hpp"

namespace mailhandler::agent {

namespace {

std::string reply_text(const route::Refuse& refuse) {
    return fmt::format("{} {} {}", refuse.code, refuse.enhanced, refuse.text);
}

End bounce(const route::Refuse& refuse, const std::string& never_bounce) {
    if (never_bounce.empty()) return Bounced{reply_text(refuse), ""};
    return never_bounced(reply_text(refuse), never_bounce);
}

class Judge {
  public:
    Judge(const config::Fetch& fetch, const route::Directory& directory, Date today,
          const std::string& never_bounce)
        : fetch_(fetch), directory_(directory), today_(today), never_bounce_(never_bounce) {}

    Fate recipient(const mail::Address& address) const {
        Fate fate;
        fate.recipient = address;
        fate.value = address.given();
        fate.route = route::route(directory_, address, today_);
        if (const auto* refuse = std::get_if<route::Refuse>(&fate.route.outcome))
            refused(fate, *refuse);
        else
            follow(fate);
        return fate;
    }

    Fate missing(const mail::TrustedBlock& block) const {
        Fate fate;
        std::string text = "no envelope header in the trusted block";
        for (const mail::HeaderReading& reading : block.readings)
            text += fmt::format("; {} names nobody but the login", reading.name);
        for (const std::string& header : block.below)
            text += fmt::format("; {} stands only below it", header);
        if (fetch_.missing == config::Fetch::Missing::postmaster)
            to_postmaster(fate, {Reason::missing_header, text, "", ""});
        else
            fate.ends.push_back(SetAside{Reason::missing_header, text, "", ""});
        return fate;
    }

    // All junk of the header that decides: one fate, for it is one thing to mend.
    static Fate unusable(const mail::HeaderReading& reading) {
        Fate fate;
        fate.header = reading.name;
        std::string text;
        for (const mail::HeaderReading::Unusable& junk : reading.unusable) {
            fate.value += (fate.value.empty() ? "" : ", ") + junk.value;
            text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", junk.value, junk.reason);
        }
        fate.ends.push_back(SetAside{Reason::unusable_header, text, "", ""});
        return fate;
    }

    // The end of `fate` that another server refused becomes others.
    void refuse(Fate& fate, std::size_t end, const route::Refuse& refuse) const {
        Fate other;
        other.recipient = fate.recipient;
        if (fate.postmaster || !fate.recipient)  // the postmaster's own server
            other.ends.push_back(SetAside{Reason::unknown, reply_text(refuse), "", ""});
        else
            refused(other, refuse);
        fate.postmaster |= other.postmaster;
        fate.wait = other.wait;
        fate.ends.erase(fate.ends.begin() + static_cast<std::ptrdiff_t>(end));
        std::move(other.ends.begin(), other.ends.end(), std::back_inserter(fate.ends));
    }

  private:
    // Refuse as a copy: the fate's route may become the postmaster's.
    void refused(Fate& fate, route::Refuse refuse) const {
        using Unknown = config::Fetch::Unknown;
        if (refuse.why == route::Why::relaying_denied) {
            fate.ends.push_back(SetAside{
                Reason::foreign_domain,
                fmt::format("{} is no domain of this root", fate.recipient->domain()), "", ""});
        } else if (refuse.why == route::Why::elsewhere) {
            fate.ends.push_back(
                SetAside{Reason::elsewhere, "the address lives at the host, not here", "", ""});
        } else if (refuse.why == route::Why::bouncer || fetch_.unknown == Unknown::bounce ||
                   fetch_.unknown == Unknown::bounce_all) {
            fate.ends.push_back(bounce(refuse, never_bounce_));
        } else if (fetch_.unknown == Unknown::drop) {
            fate.ends.push_back(Dropped{});
        } else if (fetch_.unknown == Unknown::hold) {
            fate.ends.push_back(SetAside{Reason::unknown, reply_text(refuse), "", ""});
        } else {
            to_postmaster(fate, {Reason::unknown, reply_text(refuse), "", ""});
        }
    }

    void to_postmaster(Fate& fate, SetAside otherwise) const {
        const auto postmaster = mail::Address::parse("postmaster@" + fetch_.domain);
        if (postmaster) {
            auto route = route::route(directory_, *postmaster, today_);
            if (!std::holds_alternative<route::Refuse>(route.outcome)) {
                fate.postmaster = true;
                fate.route = std::move(route);
                return follow(fate);
            }
        }
        fate.ends.push_back(std::move(otherwise));
    }

    // What is not refused.
    void follow(Fate& fate) const {
        if (const auto* defer = std::get_if<route::Defer>(&fate.route.outcome)) {
            fate.wait = fmt::format("{} {} {}", defer->code, defer->enhanced, defer->text);
            return;
        }
        for (const auto& to : std::get<route::Deliver>(fate.route.outcome).to) {
            if (const auto* forward = std::get_if<route::ToForward>(&to)) {
                fate.ends.push_back(PassedOn{*forward, ""});
                continue;
            }
            const auto& mailbox = std::get<route::ToMailbox>(to);
            fate.ends.push_back(Placed{mailbox, other_server(mailbox)});
        }
    }

    // What takes the mail instead of a maildir; empty: nothing.
    std::string other_server(const route::ToMailbox& mailbox) const {
        if (!mailbox.deliver.empty()) return mailbox.deliver;
        return fetch_.deliver == "maildir" ? std::string() : fetch_.deliver;
    }

    const config::Fetch& fetch_;
    const route::Directory& directory_;
    const Date today_;
    const std::string& never_bounce_;
};

template <class T>
bool has_end(const Fate& fate) {
    return std::any_of(fate.ends.begin(), fate.ends.end(),
                       [](const End& end) { return std::holds_alternative<T>(end); });
}

}  // namespace

SetAside never_bounced(const std::string& reply, const std::string& why) {
    return {Reason::never_bounce, fmt::format("{} (not bounced: {})", reply, why), "", ""};
}

std::string_view name(Reason reason) {
    switch (reason) {
        case Reason::would_bounce: return "would-bounce";
        case Reason::never_bounce: return "never-bounce";
        case Reason::unknown: return "unknown";
        case Reason::foreign_domain: return "foreign-domain";
        case Reason::elsewhere: return "elsewhere";
        case Reason::would_forward: return "would-forward";
        case Reason::loop: return "loop";
        case Reason::missing_header: return "missing-header";
        case Reason::unusable_header: return "unusable-header";
        case Reason::poison: return "poison";
    }
    return "";
}

bool Fate::placed() const {
    return wait.empty() && (has_end<Placed>(*this) || has_end<PassedOn>(*this));
}
bool Fate::held() const { return wait.empty() && has_end<SetAside>(*this); }

bool Judged::placed() const {
    return std::any_of(fates.begin(), fates.end(), [](const Fate& fate) { return fate.placed(); });
}

mail::TrustSettings trust_settings(const config::Fetch& fetch) {
    return {fetch.headers, fetch.trust, fetch.prefix, fetch.login};
}

Judged judge(const config::Fetch& fetch, const route::Directory& directory, Date today,
             std::string_view head) {
    Judged judged;
    judged.block = mail::read_trusted_block(head, trust_settings(fetch));
    judged.never_bounce = mail::why_never_bounce(
        head, judged.block, fetch.unknown == config::Fetch::Unknown::bounce_all);
    const Judge judge(fetch, directory, today, judged.never_bounce);
    const mail::HeaderReading* reading = judged.block.reading();
    if (!reading) {
        judged.fates.push_back(judge.missing(judged.block));
        return judged;
    }
    for (const mail::HeaderReading::Named& named : reading->recipients) {
        judged.fates.push_back(judge.recipient(named.address));
        judged.fates.back().header = reading->name;
        judged.fates.back().value = named.value;
    }
    if (!reading->unusable.empty()) judged.fates.push_back(Judge::unusable(*reading));
    return judged;
}

void Sorter::refuse(Judged& judged, std::size_t fate, std::size_t end,
                    const route::Refuse& refuse) const {
    Judge(world_.fetch, world_.directory, world_.today, judged.never_bounce)
        .refuse(judged.fates.at(fate), end, refuse);
}

Fate judge_recipient(const config::Fetch& fetch, const route::Directory& directory, Date today,
                     const mail::Address& recipient, const std::string& never_bounce) {
    return Judge(fetch, directory, today, never_bounce).recipient(recipient);
}

}  // namespace mailhandler::agent
