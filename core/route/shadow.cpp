// add_shadowed() of walk.hpp: the rules that lost.
#include "route/walk.hpp"

namespace mailhandler::route {

namespace {

// Collects every rule that matches, most particular first; all but the first lost to it.
class Candidates {
  public:
    Candidates(const Domain& domain, std::vector<Step>& steps) : domain_(domain), steps_(steps) {}

    void definitions(const mail::Address& as, Date today) {
        const std::string& key = as.local_key();
        const Bouncer* bouncer = domain_.bouncer(key);
        if (bouncer && bouncer->in_force(today) && !mail::is_postmaster(key))
            add(Rule::bouncer, bouncer->line, as);
        if (const Mailbox* mailbox = domain_.mailbox(key)) add(Rule::mailbox, mailbox->line, as);
        if (const Alias* alias = domain_.alias(key)) add(Rule::alias, alias->line, as);
        const auto elsewhere = domain_.fallback.elsewhere.find(key);
        if (elsewhere != domain_.fallback.elsewhere.end() && !mail::is_postmaster(key))
            add(Rule::elsewhere, elsewhere->second, as);
    }

    void fallback(const mail::Address& as) {
        add(rule_of(domain_.fallback), domain_.fallback.line, as);
    }

    void parent(const Domain& parent) {
        steps_.push_back({Rule::subdomains, parent.file, parent.fallback.subdomains_line,
                          domain_.name, parent.name + " would speak for it", true});
    }

  private:
    void add(Rule rule, unsigned line, const mail::Address& as) {
        if (won_) steps_.push_back({rule, domain_.file, line, as.key(), {}, true});
        won_ = true;
    }

    const Domain& domain_;
    std::vector<Step>& steps_;
    bool won_ = false;
};

}  // namespace

void add_shadowed(const Directory& directory, const Domain& domain, const mail::Address& address,
                  Date today, std::vector<Step>& steps) {
    if (domain.unavailable) return;
    Candidates candidates(domain, steps);
    candidates.definitions(address, today);
    if (address.has_tag()) candidates.definitions(address.without_tag(), today);
    candidates.fallback(address);
    if (domain.name != address.domain()) return;
    if (const auto parent = directory.parent_for(domain.name); parent && !parent->unavailable)
        candidates.parent(*parent);
}

}  // namespace mailhandler::route
