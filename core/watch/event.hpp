// What happened, as data: agents emit Events, the journal writes them, the guard and the tally fold
// over them. One JSON object a line in the journal (share/doc/journal.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace mailhandler::watch {

enum class What {
    accepted,    // a message was stored for a recipient
    refused,     // a recipient was refused for good
    deferred,    // … or for now
    login,       // somebody logged in
    login_failed,
    fetched,     // the office stored a message for a recipient
    held,        // … or set it aside
    bounced,
    started,
    stopped,
    sent,        // another host took a message that leaves, for a recipient
    postponed,   // … did not take it yet: it will be tried again
    failed,      // … never will: it bounces or is held
};
std::string_view name(What what);  // "accepted", …

struct Event {
    What what{};
    WallTime when{};
    std::string peer;       // IP address, or the fetch's name
    std::string helo;
    std::string sender;     // envelope sender as given, "" for null
    std::string recipient;  // envelope recipient as given
    std::string domain;     // canonical domain that decided, "" where none
    std::string rule;       // route::name(rule)
    std::string mailbox;    // where it went
    std::uint64_t size = 0; // octets
    std::string id;         // our id of the message
    std::string why;        // the reply, for refusals
};

// The event as one line of the journal, with its newline: {"time":…,"what":…, then every member
// that is not empty under its own name}.
std::string to_line(const Event& event);

// The event of one line, newline or not. Nothing for a torn line or one of another version; keys
// it does not know are ignored.
std::optional<Event> from_line(std::string_view line);

}  // namespace mailhandler::watch
