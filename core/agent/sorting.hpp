// Sorting: a message collected from the host → which copies lie where, and what becomes of each of
// its recipients ("fetch" of the contract).
//
// judge() decides and is pure: `fetch --dry-run` and `explain --message` print what it says. Sorter
// makes of it the copies for the ledger: each person's own, with only their own address in it; what
// goes on to other hosts, and one bounce to the sender for all who are refused, as entries of the
// queue; and one held copy for each recipient that cannot be served, or whose bounce may not be
// sent after all (the budget) or whose forward goes round in a loop. Nothing is written here.
//
// One recipient's fate never depends on another's, with one exception that keeps everything
// exactly-once: where one must wait (a full mailbox, a domain whose file cannot be read, no room
// left in the held area), the message as a whole stays on the server and is sorted again next time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/outgoing.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/load.hpp"
#include "mail/received.hpp"
#include "route/route.hpp"
#include "store/held.hpp"
#include "store/ledger.hpp"
#include "store/maildir.hpp"

namespace mailhandler::agent {

// Why a copy is held: HeldNote::reason.
enum class Reason {
    would_bounce,    // it is to be bounced, where nothing is
    never_bounce,    // it would be, were it not a null sender's, a list's, an unauthenticated one's
    unknown,         // unknown = "hold"
    foreign_domain,  // an address of no domain of this root
    elsewhere,       // an address that lives at the host, says the domain's file
    would_forward,   // it is to go on to another host, where nothing does
    loop,            // … and did so before
    missing_header,  // no envelope header in the trusted block
    unusable_header,  // a value that is no address
    poison,           // the message cannot be read
};
std::string_view name(Reason reason);  // "would-bounce", …

// Where one recipient's mail comes to rest: an alias has several ends.
struct Placed {
    route::ToMailbox to;
    std::string server;  // "lmtp://…", which takes it instead of the maildir; empty: none
};
struct SetAside {
    Reason reason{};
    std::string text;  // in words, with the reply's own text
    std::string to;    // would_forward, loop: the address it would go on to
    std::string id;    // of the held copy, once there is one
};
struct Dropped {};  // unknown = "drop"
// Its sender is told.
struct Bounced {
    std::string text;  // the reply
    std::string id;    // of the bounce, once there is one
};
struct PassedOn {
    route::ToForward to;
    std::string id;  // in the queue, once it is there
};
using End = std::variant<Placed, SetAside, Dropped, Bounced, PassedOn>;

// A bounce that may not be sent: `why`, in words that follow "not bounced: ".
SetAside never_bounced(const std::string& reply, const std::string& why);

struct Fate {
    std::string header;                      // that named the recipient; empty: none did
    std::string value;                       // as it was written there
    std::optional<mail::Address> recipient;  // nothing: no header, or no address in it
    route::Route route;                      // what route() says about it, and why
    bool postmaster = false;  // it goes to the domain's postmaster instead, whose route that is
    std::vector<End> ends;    // at least one, unless it has to wait
    std::string wait;         // why it has to; the message stays on the server

    bool placed() const;  // somebody gets it, here or elsewhere
    bool held() const;
};

struct Judged {
    mail::TrustedBlock block;
    std::vector<Fate> fates;   // in the order of the header's addresses; then of its junk
    std::string never_bounce;  // why no bounce of it may be sent; empty: one may
    bool placed() const;       // for some recipient
};

// What fetch/<name>.toml says about trust.
mail::TrustSettings trust_settings(const config::Fetch& fetch);

// The fate of every recipient of the message that begins with `head`, which holds all its header.
Judged judge(const config::Fetch& fetch, const route::Directory& directory, Date today,
             std::string_view head);

// The fate of one recipient, whom `header` named as `value`. `never_bounce` as in Judged.
Fate judge_recipient(const config::Fetch& fetch, const route::Directory& directory, Date today,
                     const mail::Address& recipient, const std::string& never_bounce);

// A message as the server sent it. Views and the file outlive what is made of them.
struct Arrived {
    std::string_view head;          // its beginning: the whole header at least, unless that is
                                    // longer than mail::longest_header (poison)
    std::string_view rest;          // what follows, as far as it is in memory
    disk::File* spilled = nullptr;  // then this file, whole

    // A copy of it: `lines`, then these pieces of the head, then all that follows.
    store::CopyContent below(std::string lines, std::span<const std::string_view> pieces) const;
    // A copy of it as it is.
    store::CopyContent whole() const { return {{}, {head, rest}, spilled}; }
};

// A copy for another server (agent/handover.hpp).
struct HandedCopy {
    std::string server;
    mail::Address recipient;
    store::CopyContent content;
    std::size_t fate = 0, end = 0;   // whose it is: indexes into Judged::fates and Fate::ends
};

struct Sorted {
    Judged judged;                    // with the ids of what is held
    std::vector<store::Copy> copies;  // for Collected::copies
    std::vector<HandedCopy> handed;   // to be handed over before those
    std::string stays;                // why it stays on the server; then there are no copies
    std::optional<store::Wait> lacks;  // … where that is room; without the size
    std::uint64_t dropped = 0;        // recipients
};

// Sorted::stays of what lacks room in a mailbox, or (null) in the held area.
std::string no_room_in(const route::MailboxName* mailbox);

class Sorter {
  public:
    struct World {
        const config::Fetch& fetch;
        const route::Directory& directory;
        Date today;
        const store::Layout& layout;
        const Clock& clock;
        store::UniqueNames& names;
        // Is there room for `octets` more in the mailbox (under its quota), in the held area? Asked
        // once for each mailbox of a message. They may block; what they answered yes to counts as
        // taken for later messages of the same batch. Empty: there is always room.
        std::function<Result<bool>(const route::ToMailbox&, std::uint64_t octets)> mailbox_takes;
        std::function<Result<bool>(std::uint64_t octets)> held_takes;
        // There is somebody who hands copies over; else what another server takes has to wait.
        bool hands_over = false;
        // Null: nothing leaves; what would is held.
        const Outgoing* outgoing = nullptr;
        std::string hostname = {};  // ours
    };
    explicit Sorter(World world) : world_(std::move(world)) {}

    // Errors: of the disk (the spill's size), of the two questions; temporary.
    Result<Sorted> sort(const Arrived& message) const;

    // Only the named recipient, whatever the header says: for mail that is released. `value` is
    // what the copy's X-Rcpt-To says.
    Result<Sorted> sort_for(const Arrived& message, const mail::Address& recipient,
                            const std::string& header, const std::string& value) const;

    // The message as a whole to the held area: what sort() cannot do, because it throws or because
    // the ledger refuses the copies for good.
    Result<Sorted> poison(const Arrived& message, const std::string& why) const;

    // What another server refused for good becomes what an unknown address of ours becomes.
    void refuse(Judged& judged, std::size_t fate, std::size_t end,
                const route::Refuse& refuse) const;

    // The copies of a judgement already made.
    Result<Sorted> stage(const Arrived& message, Judged judged) const;

  private:
    World world_;
};

}  // namespace mailhandler::agent
