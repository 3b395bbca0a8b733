// What is configured, as an immutable snapshot: the domains this root speaks for and every address
// defined in them, each with the file and line that says so.
//
// config/load makes Domains from files; run/serve swaps a whole new Directory in when one changes;
// a transaction keeps the snapshot it began with. Copying a Directory copies one pointer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "mail/address.hpp"

namespace mailhandler::route {

// The name of a mailbox that is configured. Only a Domain being built makes one, so text that a
// remote peer sent can never become a path.
class MailboxName {
  public:
    const std::string& domain() const { return domain_; }  // canonical
    const std::string& local() const { return local_; }    // canonical key, or "@default"
    bool is_default() const { return local_ == "@default"; }
    std::string text() const { return local_ + (is_default() ? " of " : "@") + domain_; }
    auto operator<=>(const MailboxName&) const = default;

  private:
    friend struct Domain;
    MailboxName(std::string domain, std::string local)
        : domain_(std::move(domain)), local_(std::move(local)) {}
    std::string domain_, local_;
};

struct Mailbox {
    std::string key;       // canonical local part
    std::string spelling;  // as the file has it
    unsigned line = 0;
    std::string password;         // crypt(3) hash; empty: nobody can log in
    std::uint64_t quota = 0;      // octets; 0: none
    std::string deliver;          // "" (maildir) or "lmtp://…", "smtp://…"
};

// One target of an alias or of a forward.
struct Target {
    enum class Kind { local, remote, catch_all };  // name · address elsewhere · "@default"
    Kind kind = Kind::local;
    mail::Address address;  // local names are completed with the file's own domain
    std::string spelling;
    unsigned line = 0;
};

struct Alias {
    std::string key, spelling;
    unsigned line = 0;
    std::vector<Target> targets;
};

struct Bouncer {
    std::string key, spelling;
    unsigned line = 0;
    std::string text;          // empty: our own words
    std::optional<Date> until; // the last day in force, local time

    bool in_force(Date today) const { return !until || today <= *until; }
};

struct Default {
    enum class Action { reject, deliver, forward };
    Action action = Action::reject;
    unsigned line = 0;         // of `action`, or of [default]; 0: nothing was said
    std::string password;
    std::uint64_t quota = 0;   // octets; 0: none
    bool one_copy = false;     // copies = "one"
    std::vector<Target> forward;
    std::string text;          // reject
    bool subdomains = false;
    unsigned subdomains_line = 0;
    std::unordered_map<std::string, unsigned> elsewhere;  // key → line
};

struct Domain {
    std::string name;  // canonical
    std::string file;  // as shown to people: "domains/example.com.toml"
    // The file could not be loaded and there is no earlier version: 451 4.3.5 for everybody here.
    bool unavailable = false;
    std::string why_unavailable;

    Default fallback;
    std::unordered_map<std::string, Mailbox> mailboxes;  // by key
    std::unordered_map<std::string, Alias> aliases;
    std::unordered_map<std::string, Bouncer> bouncers;

    const Mailbox* mailbox(const std::string& key) const;
    const Alias* alias(const std::string& key) const;
    const Bouncer* bouncer(const std::string& key) const;

    MailboxName name_of(const Mailbox& mailbox) const { return MailboxName(name, mailbox.key); }
    MailboxName default_name() const { return MailboxName(name, "@default"); }
};

class Directory {
  public:
    using Domains = std::map<std::string, std::shared_ptr<const Domain>, std::less<>>;

    Directory() : domains_(std::make_shared<const Domains>()) {}
    // `hostname` says which domain a bare `postmaster` belongs to.
    explicit Directory(Domains domains, std::optional<mail::Address> postmaster = {},
                       unsigned postmaster_line = 0, std::string hostname = {});

    // The domain of exactly this canonical name, or null.
    std::shared_ptr<const Domain> find(std::string_view name) const;
    // The domain that speaks for `name`: itself, else the nearest parent with `subdomains`. A
    // nearer parent that does not speak for its subdomains does not hide a farther one that does. A
    // parent that is unavailable might speak for `name`, nobody knows: it is returned (and mail
    // there is deferred). An address literal has no parents.
    std::shared_ptr<const Domain> speaks_for(std::string_view name) const;
    // The parent that would speak for `name` if `name` had no file of its own.
    std::shared_ptr<const Domain> parent_for(std::string_view name) const;
    // Where a bare postmaster is at home: the nearest of hostname and its parents that has a file;
    // else the first domain there is; null in an empty directory.
    std::shared_ptr<const Domain> home() const;

    const Domains& domains() const { return *domains_; }
    const std::optional<mail::Address>& postmaster() const { return postmaster_; }
    unsigned postmaster_line() const { return postmaster_line_; }  // in mailhandler.toml
    const std::string& hostname() const { return hostname_; }

    // A copy with one domain replaced, or removed when `domain` is null.
    Directory with(const std::string& name, std::shared_ptr<const Domain> domain) const;

  private:
    std::shared_ptr<const Domains> domains_;
    std::optional<mail::Address> postmaster_;
    unsigned postmaster_line_ = 0;
    std::string hostname_;
};

}  // namespace mailhandler::route
