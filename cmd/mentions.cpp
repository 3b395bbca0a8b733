#include "mentions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "root.hpp"

namespace mailhandler::cmd {

namespace {

class Mentions {
  public:
    Mentions(const std::string& domain, const std::optional<std::string>& key)
        : domain_(domain), key_(key) {}

    void look_at(const route::Domain& from) {
        for (const auto& target : from.fallback.forward)
            consider(from.file, target, "the default mail handler forwards to");
        for (const auto& [name, alias] : from.aliases)
            for (const auto& target : alias.targets)
                consider(from.file, target,
                         fmt::format("{}@{} is an alias for", alias.spelling, from.name));
    }
    void look_at(const config::Server& server) {
        if (server.postmaster && means(*server.postmaster))
            add("mailhandler.toml", server.postmaster_line, "postmaster's mail goes to",
                server.postmaster->key());
    }

    std::vector<config::Problem> in_order() && {
        std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
            return std::tie(a.file, a.line, a.text) < std::tie(b.file, b.line, b.text);
        });
        return std::move(found_);
    }

  private:
    bool means(const mail::Address& address) const {
        if (address.domain() != domain_) return false;
        // anne+news@ is Anne's as well.
        return !key_ || address.local_key() == *key_ ||
               address.local_key().substr(0, address.local_key().find('+')) == *key_;
    }
    void consider(const std::string& file, const route::Target& target, std::string_view what) {
        if (target.kind != route::Target::Kind::catch_all && means(target.address))
            add(file, target.line, what, target.address.key());
    }
    void add(const std::string& file, unsigned line, std::string_view what,
             const std::string& address) {
        found_.push_back({file, line, 0, fmt::format("{} {}", what, address), false});
    }

    const std::string& domain_;
    const std::optional<std::string>& key_;
    std::vector<config::Problem> found_;
};

void warn(Context& context, const std::string& domain, const std::optional<std::string>& key,
          std::string_view becomes, const route::Domain* changed) {
    Mentions mentions(domain, key);
    if (changed) mentions.look_at(*changed);
    // What cannot be loaded is complained of by `check`, and mentions nothing.
    if (const auto server = config::load_server(context.disk, context.root); server.ok())
        mentions.look_at(*server.value);
    for (const auto& name : config::domain_names(context.disk, context.root).names) {
        if (name == domain) continue;  // it may be large, and is known or going
        const auto other = config::load_domain(context.disk, context.root, name);
        if (other.ok()) mentions.look_at(*other.value);
    }
    for (const auto& mention : std::move(mentions).in_order())
        context.err << printable(fmt::format("{}: warning: {}, which {}",
                                             place(mention.file, mention.line), mention.text,
                                             becomes))
                    << '\n';
}

}  // namespace

void warn_of_mentions(Context& context, const route::Domain& changed, const std::string& key,
                      std::string_view becomes) {
    warn(context, changed.name, key, becomes, &changed);
}

void warn_of_mentions(Context& context, const std::string& domain, std::string_view becomes) {
    warn(context, domain, {}, becomes, nullptr);
}

}  // namespace mailhandler::cmd
