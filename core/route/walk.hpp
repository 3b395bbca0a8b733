// One walk from an address to what becomes of it: the work behind route(). Nobody else includes it.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "route/route.hpp"

namespace mailhandler::route {

// An alias of an alias of an alias … deeper than this is nobody's intention.
constexpr std::size_t deepest = 100;

class Walk {
  public:
    Walk(const Directory& directory, Date today) : directory_(directory), today_(today) {}

    Route run(const mail::Address& recipient);

  private:
    // What one address, alias or default came to. Destinations are gathered in to_ on the way;
    // `taken` says that there is one for it, or that it deferred.
    enum class Kind { no_match, taken, refused, looped };
    struct Answer {
        Kind kind = Kind::no_match;
        Refuse refuse;
    };
    enum class Catch { allowed, forbidden };  // may it fall into a default handler?

    Answer bare_postmaster(const mail::Address& recipient);
    Answer address(const mail::Address& address, Catch may);
    Answer in_domain(const Domain& domain, const mail::Address& address, Catch may);
    Answer exact(const Domain& domain, const std::string& key, const mail::Address& as);
    Answer bouncer(const Domain& domain, const Bouncer& bouncer, const mail::Address& as);
    Answer alias(const Domain& domain, const Alias& alias, const mail::Address& as);
    Answer targets(const Domain& domain, const std::vector<Target>& targets, Catch may,
                   const mail::Address& as);
    Answer target(const Domain& domain, const Target& target, Catch may, const mail::Address& as);
    Answer fallback(const Domain& domain, const mail::Address& as);
    Answer postmaster(const Domain& domain, const mail::Address& as);
    Answer site_postmaster(const mail::Address& as);

    Answer refuse(Why why, std::string_view enhanced, std::string text);
    Answer defer(std::string text);
    Answer take(Destination destination);
    Answer take_mailbox(const Domain& domain, const Mailbox& mailbox, const mail::Address& as);
    Answer take_default(const Domain& domain, const mail::Address& as);
    void step(Rule rule, const Domain& domain, unsigned line, std::string subject,
              std::string note = {});

    // Each alias and forward is walked once: a second visit says what the first came to, or, while
    // the first is still under way, that it loops.
    template <class Visit>
    Answer once(const std::string& name, const Domain& domain, unsigned line, Visit visit);

    const Directory& directory_;
    const Date today_;
    std::vector<Destination> to_;
    std::unordered_set<std::string> seen_;  // names of to_, once there are two
    std::optional<Defer> deferred_;
    std::unordered_map<std::string, Kind> visited_;
    std::size_t depth_ = 0;
    std::vector<Step> steps_;
};

// What would have matched `address` in `domain` after the rule that did, as steps marked shadowed.
void add_shadowed(const Directory& directory, const Domain& domain, const mail::Address& address,
                  Date today, std::vector<Step>& steps);

// The rule that a domain's default applies.
Rule rule_of(const Default& fallback);

// "2027-05-01"
std::string show(Date date);

}  // namespace mailhandler::route
