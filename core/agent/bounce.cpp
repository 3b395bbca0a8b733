#include "agent/bounce.hpp"

#include <utility>

#include "mail/bounceable.hpp"

namespace mailhandler::agent {

namespace {

// Why the sender is not told at all, whatever the budget.
std::string why_never(const Unsent& unsent, const Result<mail::Address>& sender) {
    if (unsent.message.kind == store::Queued::Kind::bounce) return "it is a bounce itself";
    const bool for_strangers = unsent.message.kind == store::Queued::Kind::forward ||
                               unsent.message.kind == store::Queued::Kind::handover;
    if (for_strangers && !unsent.message.authenticated) return "its sender is not authenticated";
    mail::TrustedBlock block;
    block.has_return_path = true;
    block.return_path_text = unsent.message.original_sender;
    if (sender) block.return_path = *sender;
    return mail::why_never_bounce(unsent.header, block, true);
}

// As the sender knows this recipient.
mail::Undelivered undelivered(const store::Owed& owed, mail::DsnAction action) {
    mail::Undelivered failed;
    failed.asked = owed.recipient;
    failed.reply = action == mail::DsnAction::relayed ? std::string() : owed.last_reply;
    if (owed.original.empty()) return failed;
    if (auto asked = mail::Address::parse_recipient(owed.original)) {
        failed.target = std::exchange(failed.asked.address, std::move(*asked));
    } else {
        // Nothing of it can be shown then.
        failed.target = std::exchange(failed.asked.address, mail::Address());
    }
    return failed;
}

store::Queued envelope_to(const mail::Address& sender, const mail::ComposedDsn& dsn, WallTime now) {
    store::Queued envelope;
    envelope.kind = store::Queued::Kind::bounce;
    envelope.sender.smtputf8 = dsn.smtputf8;
    if (dsn.eight_bit) envelope.sender.body = mail::BodyType::eight_bit_mime;
    mail::Notify never;  // RFC 3461 section 6.1
    never.given = never.never = true;
    envelope.owed.push_back({{sender, never, {}}, {}, {}, false});
    envelope.arrived = envelope.next_attempt = now;
    return envelope;
}

}  // namespace

std::variant<Report, Untold> Bounces::about(const Unsent& unsent, const std::string& hostname) {
    const store::Queued& message = unsent.message;
    const bool failed = unsent.action == mail::DsnAction::failed;
    mail::Dsn dsn;
    for (const store::Owed& owed : unsent.recipients)
        if (mail::is_wanted(owed.recipient.notify, unsent.action))
            dsn.recipients.push_back(undelivered(owed, unsent.action));
    if (dsn.recipients.empty()) return Untold{"its sender asked not to be told", false};
    const auto sender = mail::Address::parse_sender(message.original_sender);
    // A bounce that reaches nobody, ours or one that came back, is nobody's loss.
    const bool precious = failed && message.kind != store::Queued::Kind::bounce &&
                          message.kind != store::Queued::Kind::relay;
    if (auto why = why_never(unsent, sender); !why.empty()) return Untold{std::move(why), precious};
    if (auto why = budget_.take(*sender, message.authenticated, clock_.wall()); !why.empty())
        return Untold{std::move(why), precious};

    dsn.action = unsent.action;
    dsn.hostname = hostname;
    dsn.id = names_.next();
    dsn.to = *sender;
    dsn.envid = message.sender.envid;
    dsn.header = unsent.header;
    dsn.arrived = message.arrived;
    dsn.now = clock_.wall();
    dsn.until = unsent.until;
    dsn.content = unsent.content;
    mail::ComposedDsn composed = mail::compose(dsn);
    return Report{envelope_to(*sender, composed, dsn.now), std::move(composed.octets)};
}

}  // namespace mailhandler::agent
