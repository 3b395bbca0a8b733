// review() of route.hpp: what is wrong between files that are each right by themselves.
#include <algorithm>
#include <unordered_map>

#include "route/walk.hpp"

namespace mailhandler::route {

namespace {

bool defined(const Domain& domain, const std::string& key) {
    return domain.mailbox(key) || domain.alias(key) || domain.bouncer(key) ||
           domain.fallback.elsewhere.count(key) || mail::is_postmaster(key);
}

// The local key under which `address` is defined in `domain`, tag stripped if need be; or nothing.
std::string key_in(const Domain& domain, const mail::Address& address) {
    if (defined(domain, address.local_key())) return address.local_key();
    const std::string bare = address.without_tag().local_key();
    return defined(domain, bare) ? bare : std::string();
}

class Review {
  public:
    Review(const Directory& directory, const Domain& domain)
        : directory_(directory), domain_(domain) {}

    std::vector<Finding> run() {
        for (const auto& [key, alias] : domain_.aliases) {
            for (const Target& target : alias.targets) check_target(alias, target);
            walk({&domain_, &alias});
        }
        check_default();
        check_twice();
        check_postmaster();
        std::stable_sort(found_.begin(), found_.end(), [](const Finding& a, const Finding& b) {
            return std::tie(a.line, a.text) < std::tie(b.line, b.text);
        });
        return std::move(found_);
    }

  private:
    // An alias, or (alias null) a domain's forward.
    struct Node {
        const Domain* domain;
        const Alias* alias;
        const std::vector<Target>& targets() const {
            return alias ? alias->targets : domain->fallback.forward;
        }
        unsigned line() const { return alias ? alias->line : domain->fallback.line; }
        std::string text() const {
            return (alias ? alias->spelling + '@' : std::string("the default of ")) + domain->name;
        }
        const void* id() const { return alias ? static_cast<const void*>(alias) : domain; }
    };
    static constexpr std::size_t under_way = static_cast<std::size_t>(-1);

    void error(unsigned line, std::string text) {
        found_.push_back({domain_.file, line, std::move(text), true});
    }
    void warn(unsigned line, std::string text) {
        found_.push_back({domain_.file, line, std::move(text), false});
    }

    void check_target(const Alias& alias, const Target& target) {
        const std::string who = "alias " + alias.spelling + ": ";
        if (target.kind == Target::Kind::catch_all) {
            if (domain_.fallback.action == Default::Action::reject)
                warn(target.line,
                     who + "@default refuses: the default of " + domain_.name + " is reject");
            return;
        }
        const auto domain = directory_.speaks_for(target.address.domain());
        if (!domain || domain->unavailable) return;
        const std::string key = key_in(*domain, target.address);
        if (key.empty())
            error(target.line,
                  who + target.spelling + " is not defined in " + domain->file +
                      " (an alias never falls into the default; \"@default\" says that it should)");
        else if (domain->bouncer(key) && !mail::is_postmaster(key))
            warn(target.line,
                 who + target.spelling + " is a bouncer: skipped while it is in force");
    }

    void check_default() {
        const Default& fallback = domain_.fallback;
        if (fallback.action != Default::Action::forward) return;
        if (fallback.forward.empty())
            error(fallback.line, "action is forward, but forward names no address");
        for (const Target& target : fallback.forward) {
            const auto domain = directory_.speaks_for(target.address.domain());
            if (!domain || domain->unavailable || !key_in(*domain, target.address).empty())
                continue;
            if (domain->fallback.action == Default::Action::reject)
                error(target.line,
                      "forward: " + target.spelling + " is not defined in " + domain->file);
        }
        walk({&domain_, nullptr});
    }

    // "two other definitions of one address are an error that names both lines"
    void check_twice() {
        for (const auto& [key, alias] : domain_.aliases)
            if (const Mailbox* mailbox = domain_.mailbox(key))
                twice(alias.spelling, "alias", alias.line, "mailbox", mailbox->line);
        for (const auto& [key, line] : domain_.fallback.elsewhere) {
            if (const Mailbox* mailbox = domain_.mailbox(key))
                twice(key, "elsewhere", line, "mailbox", mailbox->line);
            if (const Alias* alias = domain_.alias(key))
                twice(key, "elsewhere", line, "alias", alias->line);
        }
    }

    void twice(const std::string& name, const char* here, unsigned line, const char* there,
               unsigned other) {
        error(line, name + " is defined twice: " + here + " here, " + there + " in line " +
                        std::to_string(other));
    }

    void check_postmaster() {
        if (const Bouncer* bouncer = domain_.bouncer("postmaster"))
            error(bouncer->line,
                  "postmaster can have no bouncer: its mail is never refused (RFC 5321 section "
                  "4.5.1)");
        const bool own = domain_.mailbox("postmaster") || domain_.alias("postmaster");
        if (!own && domain_.fallback.action == Default::Action::reject && !directory_.postmaster())
            warn(domain_.fallback.line,
                 "nobody takes mail to postmaster@" + domain_.name +
                     ": it is kept in @default (define it, or `postmaster` in mailhandler.toml)");
        check_site_postmaster();
    }

    void check_site_postmaster() {
        const auto& site = directory_.postmaster();
        if (!site) return;
        const auto domain = directory_.speaks_for(site->domain());
        if (!domain || domain.get() != &domain_ || !key_in(domain_, *site).empty()) return;
        if (domain_.fallback.action == Default::Action::reject)
            found_.push_back({"mailhandler.toml", directory_.postmaster_line(),
                              "postmaster: " + site->given() + " is not defined in " + domain_.file,
                              true});
    }

    // The rule that `target` of `from` leads to, or one with a null domain.
    Node next(const Node& from, const Target& target) const {
        if (target.kind == Target::Kind::catch_all) return forward_of(*from.domain);
        const auto domain = directory_.speaks_for(target.address.domain());
        if (!domain || domain->unavailable) return {nullptr, nullptr};
        const std::string key = key_in(*domain, target.address);
        if (!key.empty() && (domain->mailbox(key) || domain->alias(key))) {
            if (domain->mailbox(key)) return {nullptr, nullptr};
            return {domain.get(), domain->alias(key)};
        }
        return from.alias || !key.empty() ? Node{nullptr, nullptr} : forward_of(*domain);
    }

    static Node forward_of(const Domain& domain) {
        if (domain.fallback.action != Default::Action::forward) return {nullptr, nullptr};
        return {&domain, nullptr};
    }

    // Depth first, each rule once: an edge back to a rule under way is a loop. Says how many rules
    // long the longest way from `node` is.
    std::size_t walk(const Node& node) {
        const auto known = heights_.find(node.id());
        if (known != heights_.end()) return known->second;
        if (path_.size() > 10 * deepest) return deepest + 1;  // the stack has an end, too
        heights_[node.id()] = under_way;
        path_.push_back(node);
        std::size_t height = 0;
        for (const Target& target : node.targets()) {
            const Node to = next(node, target);
            if (!to.domain) continue;
            const std::size_t below = walk(to);
            if (below == under_way)
                report_loop(to);
            else
                height = std::max(height, below);
        }
        path_.pop_back();
        if (++height == deepest + 1 && node.domain == &domain_)
            error(node.line(),
                  node.text() + " leads through more than 100 aliases: its mail is deferred");
        return heights_[node.id()] = height;
    }

    void report_loop(const Node& back) {
        const auto first = std::find_if(path_.begin(), path_.end(),
                                        [&](const Node& node) { return node.id() == back.id(); });
        const auto ours = std::find_if(first, path_.end(),
                                       [&](const Node& node) { return node.domain == &domain_; });
        if (ours == path_.end()) return;  // that domain's own review says it
        std::string text = "a loop: ";
        for (auto node = first; node != path_.end(); ++node) text += node->text() + " → ";
        error(ours->line(), text + back.text());
    }

    const Directory& directory_;
    const Domain& domain_;
    std::vector<Finding> found_;
    std::vector<Node> path_;
    std::unordered_map<const void*, std::size_t> heights_;  // or under_way
};

}  // namespace

std::vector<Finding> review(const Directory& directory, const Domain& domain) {
    if (domain.unavailable) return {};
    return Review(directory, domain).run();
}

}  // namespace mailhandler::route
