// The outbound queue on disk: messages that leave, each with the recipients that are still owed it.
//
// One message is two files in queue/: <id>.msg, its octets, written once; and <id>.env, one JSON
// object with sender, recipients and what happened so far, replaced whole by each attempt's outcome.
// A message exists when its .env does: .msg is synced before .env appears, .env goes before .msg.
//
// Who takes on a message (SMTP's 250, fetch's `done`) does so after add() or after the commit that
// made its staged files visible; so nothing acknowledged is lost. A crash between a peer's 250 and
// the .env that says so sends that message again: the one duplicate per message under way that SMTP
// cannot avoid (RFC 5321 section 6.1).
//
// Blocking; for a disk-pool thread. Safe from several threads for different ids.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "mail/envelope.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

// A recipient that is still owed the message.
struct Owed {
    mail::Recipient recipient;     // where it goes
    std::string original;          // the address of ours that a forward stands for; empty: itself
    std::string last_reply;        // of the last attempt: "450 4.2.0 …", or our own words
    bool delay_told = false;       // a delay notice was sent
};

struct Queued {
    enum class Kind { forward, bounce, submission, relay };
    std::string id;                // file name stem; also shown to people
    Kind kind = Kind::forward;
    mail::Sender sender;           // as it is sent (after SRS)
    std::string original_sender;   // before SRS; "" for null
    bool authenticated = false;    // the sender may be told of failures
    std::vector<Owed> owed;
    std::uint64_t size = 0;        // octets of the message
    WallTime arrived{};
    WallTime next_attempt{};
    unsigned attempts = 0;
};

class Spool {
  public:
    Spool(disk::Disk& disk, const Layout& layout, const Clock& clock);

    // Takes a message on, durably: `parts` in order, then `spilled` whole, then `after`. Fills in id
    // and size. Errors are temporary: nothing was taken on.
    Result<std::string> add(Queued envelope, std::span<const std::string_view> parts,
                            disk::File* spilled = nullptr, std::string_view after = {});

    // The envelope, or a permanent Fault with ENOENT when it has gone.
    Result<Queued> load(const std::string& id);
    // The message's octets, for reading.
    Result<std::unique_ptr<disk::File>> open(const std::string& id);
    // Replaces the envelope, durably: what is still owed and when to try again.
    Result<> update(const Queued& envelope);
    // The message is owed to nobody any more, or an operator said so.
    Result<> remove(const std::string& id);

    // Every id with its next attempt, in order of that time, without reading the messages; envelopes
    // that cannot be read are reported as faults. Files that a crash left without an envelope are
    // removed by sweep().
    struct Due {
        std::string id;
        WallTime next_attempt{};
        std::string destination;  // domain of the first recipient
    };
    Result<std::vector<Due>> list();
    // Removes leftovers of crashes; called at start, under the serve lock. How many went.
    Result<std::size_t> sweep();

  private:
    disk::Disk& disk_;
    const Layout& layout_;
    const Clock& clock_;
};

}  // namespace mailhandler::store
