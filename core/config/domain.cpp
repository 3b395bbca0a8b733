// domains/<domain>.toml
#include <fmt/format.h>

#include <array>

#include "config/load.hpp"
#include "config/reading.hpp"
#include "config/section.hpp"
#include "config/value.hpp"
#include "mail/address.hpp"

namespace mailhandler::config {
namespace {

class DomainReader {
  public:
    DomainReader(Complaints& complaints, route::Domain& domain)
        : complaints_(complaints), domain_(domain) {}

    void read(const Node& root) {
        Section top(complaints_, root);
        if (const Entry* entry = top.find("default", Node::Kind::table, "a table, [default]"))
            read_default(*entry);
        if (const Node* node = top.table("mailbox")) {
            domain_.mailboxes.reserve(node->entries.size());
            for (const Entry& entry : node->entries) read_mailbox(entry);
        }
        if (const Node* node = top.table("alias")) {
            domain_.aliases.reserve(node->entries.size());
            for (const Entry& entry : node->entries) read_alias(entry);
        }
        if (const Node* node = top.table("bouncer")) {
            domain_.bouncers.reserve(node->entries.size());
            for (const Entry& entry : node->entries) read_bouncer(entry);
        }
        top.finish();
    }

  private:
    void read_default(const Entry& entry) {
        Section section(complaints_, entry.value, "default");
        route::Default& fallback = domain_.fallback;
        fallback.line = entry.at.line;
        static constexpr std::array<std::string_view, 3> actions{"reject", "deliver", "forward"};
        const auto action = section.choice("action", actions);
        if (action) {
            fallback.action = static_cast<route::Default::Action>(*action);
            fallback.line = section.find("action")->at.line;
        }
        read_password(section, domain_.name, fallback.password);
        if (const auto quota = section.size("quota")) fallback.quota = *quota;
        static constexpr std::array<std::string_view, 2> copies{"each", "one"};
        if (const auto choice = section.choice("copies", copies)) fallback.one_copy = *choice == 1;
        read_forward(section);
        read_reply_text(section, fallback.text);
        if (const auto subdomains = section.flag("subdomains")) {
            fallback.subdomains = *subdomains;
            fallback.subdomains_line = section.find("subdomains")->at.line;
        }
        read_elsewhere(section);
        section.finish();
    }

    void read_forward(Section& section) {
        const auto items = section.list("forward", "[\"office@elsewhere.example\"]");
        if (items)
            for (const Item& item : *items)
                if (auto one = target(item)) domain_.fallback.forward.push_back(std::move(*one));
    }

    void read_elsewhere(Section& section) {
        const auto items = section.list("elsewhere", "[\"carol\"]");
        if (!items) return;
        for (const Item& item : *items) {
            const auto key = key_of(item.text, item.at);
            if (key) domain_.fallback.elsewhere.try_emplace(*key, item.at.line);
        }
    }

    void read_mailbox(const Entry& entry) {
        if (!is_table(entry, "mailbox", "")) return;
        Section section(complaints_, entry.value, "mailbox", entry.key);
        route::Mailbox mailbox;
        const auto key = key_of(entry.key, entry.at);
        mailbox.spelling = entry.key;
        mailbox.line = entry.at.line;
        read_password(section, entry.key + '@' + domain_.name, mailbox.password);
        if (const auto quota = section.size("quota")) mailbox.quota = *quota;
        if (read_deliver(section, mailbox.deliver) && mailbox.deliver == "maildir")
            mailbox.deliver.clear();
        section.finish();
        if (!key) return;
        mailbox.key = *key;
        const auto [it, fresh] = domain_.mailboxes.try_emplace(*key, std::move(mailbox));
        if (!fresh) defined_twice(*key, entry.at, "mailbox", it->second.line);
    }

    void read_alias(const Entry& entry) {
        if (entry.value.is(Node::Kind::table)) return nested_alias(entry);
        if (!entry.value.is(Node::Kind::array))
            return complaints_.error(
                entry.value.at, fmt::format("an alias is a list of targets, {0} = [\"anne\"], not {1}",
                                            to_key(entry.key), describe(entry.value.kind)));
        route::Alias alias;
        const auto key = key_of(entry.key, entry.at);
        alias.spelling = entry.key;
        alias.line = entry.at.line;
        for (const Item& item : strings_of(entry.value, entry.key, complaints_))
            if (auto one = target(item)) alias.targets.push_back(std::move(*one));
        if (entry.value.items.empty())
            complaints_.error(entry.value.at,
                              fmt::format("alias \"{}\" needs at least one target", entry.key));
        if (!key) return;
        alias.key = *key;
        const auto [it, fresh] = domain_.aliases.try_emplace(*key, std::move(alias));
        if (!fresh) defined_twice(*key, entry.at, "alias", it->second.line);
    }

    void nested_alias(const Entry& entry) {
        if (entry.value.entries.empty() || !entry.value.entries[0].value.is(Node::Kind::array))
            return complaints_.error(entry.at,
                                     fmt::format("an alias is a list of targets in [alias], {} = "
                                                 "[\"anne\"], not a table",
                                                 to_key(entry.key)));
        const std::string dotted = entry.key + '.' + entry.value.entries[0].key;
        complaints_.error(entry.at, fmt::format("{0} is a nested table; an address with a dot is "
                                                "quoted: \"{0}\" = […]",
                                                dotted));
    }

    void read_bouncer(const Entry& entry) {
        if (!is_table(entry, "bouncer", "text = \"…\"")) return;
        Section section(complaints_, entry.value, "bouncer", entry.key);
        route::Bouncer bouncer;
        const auto key = key_of(entry.key, entry.at);
        bouncer.spelling = entry.key;
        bouncer.line = entry.at.line;
        read_reply_text(section, bouncer.text);
        read_until(section, bouncer.until);
        section.finish();
        if (!key) return;
        bouncer.key = *key;
        const auto [it, fresh] = domain_.bouncers.try_emplace(*key, std::move(bouncer));
        if (!fresh) defined_twice(*key, entry.at, "bouncer", it->second.line);
    }

    void read_until(Section& section, std::optional<Date>& until) {
        const Entry* entry = section.find("until");
        if (!entry) return;
        const Node& value = entry->value;
        if (value.is(Node::Kind::date)) {
            until = value.date;
            return;
        }
        const bool quoted = value.is(Node::Kind::string) && value.text.size() == 10;
        section.error(value.at, fmt::format("'until' is a day without quotes, until = {}, not {}",
                                            quoted ? value.text : "2027-05-01",
                                            value.is(Node::Kind::other) ? "a time"
                                                                        : describe(value.kind)));
    }

    bool is_table(const Entry& entry, std::string_view family, std::string_view inside) {
        if (entry.value.is(Node::Kind::table)) return true;
        complaints_.error(entry.at,
                          fmt::format("\"{0}\" must be a table, [{1}.{2}]{3}{4}, not {5}", entry.key,
                                      family, to_key(entry.key), inside.empty() ? "" : " with ",
                                      inside, describe(entry.value.kind)));
        return false;
    }

    // The canonical form of a local part that the file defines.
    std::optional<std::string> key_of(const std::string& local, Position at) {
        if (local.find('@') != std::string::npos) {
            complaints_.error(at, fmt::format("\"{}\": only the part before the @ is written here",
                                              local));
            return std::nullopt;
        }
        auto key = local.empty() ? fail("", "it is empty", false) : mail::canonical_local(local);
        if (key) return std::move(*key);
        complaints_.error(at, fmt::format("\"{}\" is not the local part of an address: {}", local,
                                          key.error().cause));
        return std::nullopt;
    }

    std::optional<route::Target> target(const Item& item) {
        route::Target target;
        target.spelling = item.text;
        target.line = item.at.line;
        if (item.text == "@default") {
            target.kind = route::Target::Kind::catch_all;
            return target;
        }
        const bool bare = item.text.find('@') == std::string::npos;
        auto address = item.text.empty() ? fail("", "it is empty", false)
                       : bare ? mail::Address::parse(mail::quote_local(item.text) + '@' +
                                                     domain_.name)
                              : mail::Address::parse(item.text);
        if (!address) {
            complaints_.error(item.at, fmt::format("\"{}\" is not an address{}: {}", item.text,
                                                   bare ? "" : " or \"@default\"",
                                                   address.error().cause));
            return std::nullopt;
        }
        const bool here = address->domain() == domain_.name;
        target.kind = here ? route::Target::Kind::local : route::Target::Kind::remote;
        target.address = std::move(*address);
        return target;
    }

    // The file's tables are walked by name, so the definition met first may stand below.
    void defined_twice(const std::string& key, Position here, std::string_view kind, unsigned line) {
        const unsigned other = std::min(here.line, line);
        if (line > here.line) here = {line, 1};
        complaints_.error(here, fmt::format("{}@{} is defined twice: the first is the {} in line {}",
                                            key, domain_.name, kind, other));
    }

    Complaints& complaints_;
    route::Domain& domain_;
};

// The column of the first word of a line: review() knows only lines.
unsigned first_column(std::string_view text, unsigned line) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    for (; line > 1; --line) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return 1;
        text.remove_prefix(end + 1);
    }
    const std::size_t word = text.find_first_not_of(" \t");
    return word == std::string_view::npos ? 1 : static_cast<unsigned>(word) + 1;
}

// What review() finds wrong in this file whatever the others say: undefined targets, loops, two
// definitions of one address. Its warnings depend on the other files and wait for the directory.
void review_alone(const route::Domain& domain, std::string_view text, Complaints& complaints) {
    const std::shared_ptr<const route::Domain> alone(std::shared_ptr<void>(), &domain);
    const route::Directory directory(route::Directory::Domains{{domain.name, alone}});
    for (route::Finding& finding : route::review(directory, domain))
        if (finding.error)
            complaints.error({finding.line, first_column(text, finding.line)},
                             std::move(finding.text));
}

}  // namespace

Loaded<route::Domain> read_domain(const Node& model, std::string_view text, const std::string& file,
                                  const std::string& domain) {
    Complaints complaints(file);
    route::Domain value;
    value.name = domain;
    value.file = file;
    DomainReader(complaints, value).read(model);
    review_alone(value, text, complaints);
    Loaded<route::Domain> loaded;
    if (!complaints.any_error()) loaded.value = std::move(value);
    loaded.problems = complaints.take();
    return loaded;
}

Loaded<route::Domain> parse_domain(std::string_view text, const std::string& file,
                                   const std::string& domain) {
    Complaints complaints(file);
    if (const auto model = parse_into(text, complaints))
        return read_domain(*model, text, file, domain);
    return {{}, complaints.take()};
}

}  // namespace mailhandler::config
