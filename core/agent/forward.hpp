// Mail that is passed on: the envelope under which a copy leaves again, and bounces of such mail
// that come back.
//
// A forwarded message is unchanged below our trace lines, so that its DKIM signature stays good;
// its sender is rewritten into a domain of ours (mail/srs.hpp), so that SPF passes. The null sender
// stays.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "mail/envelope.hpp"
#include "mail/srs.hpp"
#include "route/directory.hpp"
#include "smtp/reply.hpp"
#include "store/layout.hpp"
#include "store/spool.hpp"

namespace mailhandler::agent {

// The secrets of state/srs.secret, one a line: the first signs, all are recognised. Made on first
// use, 0600, durable before it is used. Blocking; safe beside another process that does the same.
// Errors: of the disk; permanent for a file that holds no secret of 16 octets (nothing is
// overwritten).
Result<mail::Srs> load_srs(disk::Disk& disk, const store::Layout& layout, Random& random);

// A copy that leaves.
struct Forward {
    store::Queued envelope;
    std::string lines;  // above Received: X-Rcpt-To, X-POP3-Rcpt, Delivered-To; no Return-Path
    std::optional<mail::Address> ours;  // that forwards; a message that names it already has looped
};

// For one recipient of the transaction: its copy to `targets`, in the name of `delivered_to` (an
// address of ours, whose domain becomes the sender's). Errors: permanent, for a sender too long to
// be rewritten: 553 5.1.7.
Result<Forward> forward(const mail::Srs& srs, const mail::Sender& sender,
                        const mail::Recipient& recipient, const mail::Address& delivered_to,
                        std::span<const mail::Address> targets, WallTime now);

// The copy of a mailbox that another server keeps ([mailbox.anne] deliver = "lmtp://…"): under its
// own sender, with our trace lines and no Return-Path, which that server writes.
Forward handed_over(const mail::Sender& sender, const mail::Recipient& recipient,
                    const mail::Address& delivered_to, const std::string& server, WallTime now);

// A bounce that comes back to a sender we rewrote. To be asked before route(). Nothing: `recipient`
// is no SRS address in a domain of ours. Else where it goes on to, or a "no": 550 5.1.1 for an
// address that was not made by us or is too old, and for anything but the null sender.
std::optional<smtp::Understood<mail::Address>> returning(const mail::Srs& srs,
                                                         const route::Directory& directory,
                                                         const mail::Sender& sender,
                                                         const mail::Address& recipient,
                                                         WallTime now);
// How long it is tried: the domain it came from may be forged, and nobody waits for it.
constexpr std::chrono::hours returning_for{24};

// The envelope of such a bounce, Kind::relay.
store::Queued returned(const mail::Sender& sender, const mail::Recipient& recipient,
                       const mail::Address& to, WallTime now);

}  // namespace mailhandler::agent
