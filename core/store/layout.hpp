// Where everything lies: all file names in one place.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "route/directory.hpp"

namespace mailhandler::store {

// A name as one directory entry: everything outside a-z0-9._+- and a leading dot becomes %HH (upper
// case hexadecimal). Injective. A name that would pass 255 octets cannot become one: the caller
// refuses it (such local parts cannot be configured). The empty name becomes "%".
std::string encode_name(std::string_view name);
// The name again. Errors: permanent, for what encode_name() never gives.
Result<std::string> decode_name(std::string_view encoded);

// A mailbox's own directory entry: its encoded local part, or "@default".
std::string mailbox_entry(const route::MailboxName& name);

class Layout {
  public:
    // `state` is [paths] state; empty: the root itself.
    explicit Layout(std::string root, std::string state = "");

    const std::string& root() const { return root_; }
    const std::string& base() const { return state_; }  // mail, queue, held, journal and state lie here

    std::string server_file() const;                         // ROOT/mailhandler.toml
    std::string domains_dir() const;                         // ROOT/domains
    std::string domain_file(const std::string& domain) const;
    std::string fetch_dir() const;
    std::string fetch_file(const std::string& name) const;
    std::string from_root(const std::string& path) const;    // relative → below the root

    std::string mail_dir() const;                            // …/mail
    std::string domain_dir(const std::string& domain) const; // …/mail/<domain>
    std::string stage_dir(const std::string& domain) const;  // …/mail/<domain>/.stage
    std::string maildir(const route::MailboxName& name) const;

    std::string queue_dir() const;
    std::string held_dir() const;
    std::string journals_dir() const;                        // …/journal: one directory per node
    std::string journal_dir(const std::string& node) const;
    std::string journal_file(const std::string& node, WallTime day) const;
    std::string state_dir() const;
    std::string removed_dir() const;                         // …/state/removed
    std::string spill_dir() const;                           // …/state/spill: large messages under way
    std::string ledger_dir() const;                          // …/state/ledger: one file per account
    std::string serve_lock() const;                          // …/state/serve.lock

  private:
    std::string root_, state_;
};

}  // namespace mailhandler::store
