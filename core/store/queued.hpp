// A message of the outbound queue as everybody sees it: the envelope, and the message opened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "mail/envelope.hpp"

namespace mailhandler::store {

// A recipient that is still owed the message.
struct Owed {
    mail::Recipient recipient;     // where it goes
    std::string original;          // the address of ours that a forward stands for; empty: itself
    std::string last_reply;        // of the last attempt: "450 4.2.0 …", or our own words
    bool delay_told = false;       // a delay notice was sent
};

struct Queued {
    // handover: a mailbox of ours whose mail another server takes.
    enum class Kind { forward, bounce, submission, relay, handover };
    std::string id;                // file name stem; also shown to people
    Kind kind = Kind::forward;
    mail::Sender sender;           // as it is sent (after SRS)
    std::string original_sender;   // before SRS; "" for null
    bool authenticated = false;    // the sender may be told of failures
    std::vector<Owed> owed;        // never empty
    std::string via;               // "lmtp://host:port", "smtp://…": that server takes it; empty: MX
    std::uint64_t size = 0;        // octets of the message
    WallTime arrived{};            // whole milliseconds are kept; unset: now
    WallTime next_attempt{};       // whole seconds are kept; unset: now
    unsigned attempts = 0;

    // Whose turn is next: the server in `via`, else the domain of the first recipient.
    const std::string& destination() const {
        return via.empty() ? owed.front().recipient.address.domain() : via;
    }
};

// A message with its octets: `size` of the envelope's, in `file` from `begin`. To be read before the
// message is removed: its file may then become another's.
struct QueuedMessage {
    Queued envelope;
    std::unique_ptr<disk::File> file;
    std::uint64_t begin = 0;

    // Up to `size` octets of the message from `offset`; 0 at its end.
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size);
};

// True for a destination that is a server and not a domain.
inline bool is_server(std::string_view destination) {
    return destination.find("://") != std::string_view::npos;
}

// "forward", "bounce", "submission", "relay", "handover".
std::string_view name(Queued::Kind kind);

// True for a text that could be an id: only such are looked for.
bool is_spool_id(std::string_view text);

}  // namespace mailhandler::store
