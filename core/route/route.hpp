// route(): what becomes of mail to one address, and why. The one place that decides; SMTP obeys
// it at RCPT, fetch obeys it for each recipient of a message, `explain` prints it.
//
// Pure and total: no clock, no disk; the same directory, address and day give the same answer. The
// order is the contract's, most particular first.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "route/directory.hpp"

namespace mailhandler::route {

enum class Rule {
    mailbox, alias, bouncer, bouncer_expired, tag, default_reject, default_deliver,
    default_forward, subdomains, postmaster, not_ours, unavailable, elsewhere,
    undefined,  // an alias's target that nothing defines: it never falls into a catch-all
    loop,       // an alias or forward that comes back to itself
};
std::string_view name(Rule rule);  // "mailbox", "default-deliver", … as in explain --json

// One step of the way: the rule, where it is written, on what name it was applied.
struct Step {
    Rule rule{};
    std::string file;       // "domains/example.com.toml", "mailhandler.toml", or empty
    unsigned line = 0;      // 0: not written anywhere (a default of ours)
    std::string subject;    // the address or domain the rule matched
    std::string note;       // "tag +news stripped", "until 2027-05-01", …
    bool shadowed = false;  // it would have matched, but a more particular rule came first
};

// Into a maildir of ours.
struct ToMailbox {
    MailboxName mailbox;
    mail::Address delivered_to;  // after aliases and tags: what Delivered-To says
    std::uint64_t quota = 0;     // octets; 0: none
    bool one_copy = false;       // the default's copies = "one"
    std::string deliver;         // the mailbox's `deliver`, "" for the maildir
};
// Out to another address; waits for the outbound queue.
struct ToForward {
    mail::Address address;
    mail::Address delivered_to;  // the address of ours that forwards
};
using Destination = std::variant<ToMailbox, ToForward>;

// `elsewhere` is an address that lives at the host (an office's file): submission sends it on and
// fetch holds it, so they look at this before they look at the code. `loop` is never an answer of
// route(), which defers a loop: it is for whoever counts Received lines.
enum class Why { bouncer, unknown, relaying_denied, targets_refuse, loop, elsewhere };

// No, for good: 5xx at the door.
struct Refuse {
    Why why{};
    int code = 550;
    std::string enhanced;  // "5.1.1", "5.7.1" …
    std::string text;      // what the peer is told
};
// Not now: 4xx at the door.
struct Defer {
    int code = 451;
    std::string enhanced;
    std::string text;
};
struct Deliver {
    std::vector<Destination> to;  // at least one; no destination twice
};

struct Route {
    std::variant<Refuse, Defer, Deliver> outcome;
    std::vector<Step> steps;  // in the order they were taken, shadowed ones last
};

// What becomes of mail to `recipient` today. A bare postmaster is looked up in Directory::home().
//
// Of an alias with many targets: those that refuse are skipped; one that defers defers the whole,
// so that mail is never taken for some and forgotten for others; what loops adds nothing, and where
// nothing but loops is left the answer is Defer. A target that lives `elsewhere` is a ToForward to
// itself. A forward to an address in a domain of ours is resolved here, catch-all included.
// Cost: a default that matches takes about ten small allocations; see tests/route.
Route route(const Directory& directory, const mail::Address& recipient, Date today);

// What cannot be right although every file can be loaded by itself: undefined local targets,
// loops, `postmaster` with a bouncer, domains with nobody to take postmaster's mail. `check` and
// every edit print them. One finding names its file and line.
struct Finding {
    std::string file;
    unsigned line = 0;
    std::string text;
    bool error = true;  // false: a warning
};
std::vector<Finding> review(const Directory& directory, const Domain& domain);

}  // namespace mailhandler::route
