// From TOML files to values: mailhandler.toml, domains/*.toml, fetch/*.toml.
//
// toml++ lives only in this room. Every problem is told as file:line:column, what was expected
// and, for an unknown key, which known one is near. One file is read as a whole: all its problems
// are reported (of broken TOML only the first), and a file with an error yields no value. Lines
// and columns count from 1; a column counts characters, as editors do, not octets.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "route/directory.hpp"
#include "route/route.hpp"

namespace mailhandler::config {

struct Problem {
    std::string file;  // relative to the root, as shown to people
    unsigned line = 0, column = 0;  // line 0: the file as a whole
    std::string text;        // what is wrong and what was expected
    bool error = true;       // false: a warning
    std::string show() const;  // "domains/x.toml:3:1: error: …"
};

template <class T>
struct Loaded {
    std::optional<T> value;  // absent when a problem is an error
    std::vector<Problem> problems;
    bool ok() const { return value.has_value(); }
};

struct Endpoint {  // of [listen]: "address:port", "[::1]:25"
    std::string address;
    std::uint16_t port = 0;
    unsigned line = 0;
    bool operator==(const Endpoint&) const = default;
};

// A server named by a URL: "imaps://mail.example", "lmtp://127.0.0.1:24", "smtp://[::1]:2525".
struct Url {
    std::string scheme;
    std::string host;  // canonical name or bare IP address, without brackets
    std::uint16_t port = 0;  // the scheme's own where none is written
    bool operator==(const Url&) const = default;
};

enum class TlsPolicy { verify, opportunistic, none };

struct Outbound {
    std::string smarthost;  // "" : the recipients' MX hosts; else for parse_url()
    std::string login, password_command, password_file;
    TlsPolicy tls = TlsPolicy::verify;
    std::string resolver;
    std::chrono::seconds retry_for{5 * 24 * 3600};
    bool operator==(const Outbound&) const = default;
};

struct Server {
    std::string hostname;  // canonical; where the file is silent, load_server takes the machine's
    std::optional<mail::Address> postmaster;
    unsigned postmaster_line = 0;
    std::string state;  // [paths] state; "" : the root. load_server makes it absolute
    struct Listen {
        std::vector<Endpoint> smtp, submission, submissions, lmtp, pop3, pop3s, imap, imaps, metrics;
    } listen;
    struct Tls {
        std::string certificate, key;  // as written: relative to the root
    } tls;
    struct Limits {
        std::uint64_t message_size = 50ull << 20;
        std::size_t recipients = 100;
        std::size_t recipients_per_hour = 1000;  // of one user, by submission; 0: no limit
        std::size_t connections = 10000;
    } limits;
    struct Held {
        std::optional<std::chrono::seconds> keep = std::chrono::hours(30 * 24);  // absent: forever
        std::uint64_t size = 1ull << 30;
    } held;
    Outbound outbound;
    struct Guard {
        bool enabled = true;
    } guard;
    bool pop3_uidl_dovecot = false;  // [pop3] uidl = "dovecot"
    std::string node;                // [paths] node; "" : taken from the host's name
};

struct Fetch {
    std::string name;  // of the file
    enum class Protocol { pop3, pop3s, imap, imaps } protocol{};
    std::string host;
    std::uint16_t port = 0;
    std::string login, password_command, password_file, token_command;
    TlsPolicy tls = TlsPolicy::verify;
    std::string ca_file;
    std::optional<std::chrono::seconds> every;  // absent: only when `fetch` is run
    bool idle = false;                          // every = "idle"
    std::chrono::seconds renew{29 * 60};        // IDLE is begun anew this often
    std::string domain;                         // canonical
    std::vector<std::string> headers = {"X-Rcpt-To",     "X-POP3-Rcpt", "X-Original-To",
                                        "X-Envelope-To", "Envelope-To", "Delivered-To"};
    std::vector<std::string> trust;
    std::string prefix;
    std::optional<std::chrono::seconds> keep = std::chrono::seconds(0);  // absent: forever
    enum class Unknown { bounce, bounce_all, hold, postmaster, drop } unknown{};
    enum class Missing { hold, postmaster } missing{};
    std::string deliver = "maildir";
};

// "50 MiB", "10 GiB", "1000", "2 GB" → octets; "30d", "5m", "90s", "12h" → seconds.
Result<std::uint64_t> parse_size(std::string_view text);
Result<std::chrono::seconds> parse_duration(std::string_view text);

// Schemes: smtp smtps submission lmtp pop3 pop3s imap imaps, host, optional port, nothing else.
Result<Url> parse_url(std::string_view text);
// 127.0.0.0/8, ::1, localhost: where a password may travel in clear.
bool is_loopback(std::string_view host);

// Each reads `text` as the content of `file` (the name is only for messages).
Loaded<Server> parse_server(std::string_view text, const std::string& file);
Loaded<route::Domain> parse_domain(std::string_view text, const std::string& file,
                                   const std::string& domain);
Loaded<Fetch> parse_fetch(std::string_view text, const std::string& file, const std::string& name);

// The same from disk. `root` is the directory that holds mailhandler.toml. A file that cannot be
// read is a problem of the file as a whole.
Loaded<Server> load_server(disk::Disk& disk, const std::string& root);
Loaded<route::Domain> load_domain(disk::Disk& disk, const std::string& root,
                                  const std::string& domain);
Loaded<Fetch> load_fetch(disk::Disk& disk, const std::string& root, const std::string& name);

// Canonical names of the domains that have a file, sorted. File names that are not a domain name
// become problems.
struct Names {
    std::vector<std::string> names;
    std::vector<Problem> problems;
};
Names domain_names(disk::Disk& disk, const std::string& root);
Names fetch_names(disk::Disk& disk, const std::string& root);

// Every domain, or (with `only`) those that can speak for these names: the domain itself, its
// parents, and what their aliases and forwards mention, and what postmaster's mail needs. A domain
// that cannot be loaded is in the directory as unavailable, with its problems listed. Two threads
// share the parsing: 10,000 small files load in less than a second.
struct LoadedDirectory {
    route::Directory directory;
    std::vector<Problem> problems;
};
LoadedDirectory load_directory(disk::Disk& disk, const std::string& root, const Server& server,
                               const std::vector<std::string>* only = nullptr);

}  // namespace mailhandler::config
