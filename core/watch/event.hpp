// What happened, as data: agents emit Events, the journal writes them, the guard and the tally fold
// over them. One JSON object a line in the journal (share/doc/journal.md).
#pragma once

#include <cstdint>
#include <string>

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

}  // namespace mailhandler::watch
