// The half of a reception (delivery.hpp) that is about the message itself: its content, as it comes
// in; then who gets a copy and what stands above it; then all of that made durable, and the replies.
#include <cerrno>
#include <fmt/format.h>
#include <map>
#include <set>
#include <utility>

#include "agent/delivery.hpp"
#include "mail/submitted.hpp"

namespace mailhandler::agent {

namespace {

// What a disk that will not take the message is to the peer: our failure, so temporary.
smtp::Reply not_stored(const Fault& fault) {
    if (fault.error == ENOSPC || fault.error == EDQUOT)
        return {452, "4.3.1", "No space to store the message; try again later"};
    return {451, "4.3.0", "The message could not be stored; try again later"};
}

smtp::Reply header_too_long() {
    return {554, "5.6.0",
            fmt::format("The message's header is longer than {} octets", mail::longest_header)};
}

smtp::Reply loops() {
    return {554, "5.4.6", "The message is going round in a loop"};
}

}  // namespace

smtp::Reply Reception::mailbox_full() {
    return {452, "4.2.2", "The mailbox is full; try again later"};
}

smtp::Reply Reception::spill(smtp::Spill& block) {
    if (!spilled_) {
        head_ += block.octets;
        if (!mail::read_inbound(head_).complete) {
            if (head_.size() <= mail::longest_header) return {250, "", ""};
            return header_too_long();
        }
        auto file = store::open_spill(room_.disk, room_.layout);
        if (!file) {
            room_.log.error(file.error().text());
            return not_stored(file.error());
        }
        spilled_ = std::move(*file);
        return {250, "", ""};  // head_ now holds the header and some of the body
    }
    if (const auto written = spilled_->write(block.octets); !written) {
        room_.log.error(written.error().text());
        return not_stored(written.error());
    }
    return {250, "", ""};
}

// What lies neither in `head_` nor in `spilled_`. Until something was spilled the whole message is
// in `rest`; a header that only ends there joins what was gathered of it.
std::string_view Reception::gather(smtp::Commit& message) {
    if (spilled_) return message.rest;
    if (head_.empty())
        head_ = std::move(message.rest);
    else
        head_ += message.rest;
    return {};
}

// One file to be: where, and for whom.
struct Reception::Copy {
    const route::ToMailbox* target;
    std::vector<std::size_t> recipients;  // indexes into the envelope
    std::string maildir;
};

// One copy a recipient and mailbox, however often the recipient was named; a mailbox with copies =
// "one" gets one copy naming all.
std::vector<Reception::Copy> Reception::copies(const mail::Envelope& envelope,
                                               const mail::Inbound& inbound, Fates& fates) const {
    std::vector<Copy> made;
    std::map<std::pair<route::MailboxName, std::string>, std::size_t> shared;
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
        // A recipient loops when nothing of it is left to deliver.
        fates[i] = loops();
        for (const route::ToMailbox& to : accepted_[i].to) {
            if (inbound.came_back(to.delivered_to)) continue;
            fates[i].reset();
            std::string which;
            if (!to.one_copy)
                which = to.delivered_to.key() + ' ' + envelope.recipients[i].address.key();
            const auto [known, fresh] =
                shared.try_emplace({to.mailbox, std::move(which)}, made.size());
            if (fresh) made.push_back({&to, {}, room_.layout.maildir(to.mailbox)});
            made[known->second].recipients.push_back(i);
        }
    }
    return made;
}

std::string Reception::stamp_of(const Copy& copy, const mail::Envelope& envelope) {
    const std::string sender = envelope.sender.text();
    const auto address = [&](std::size_t i) -> const mail::Address& {
        return envelope.recipients[i].address;
    };
    if (!copy.target->one_copy)
        return mail::stamp(sender, address(copy.recipients.front()).given(),
                           copy.target->delivered_to.key());
    std::vector<std::string_view> given;
    std::set<std::string> named;
    for (const std::size_t i : copy.recipients)
        if (named.insert(address(i).key()).second) given.push_back(address(i).given());
    return mail::stamp(sender, given);
}

// Judges what has no room in its mailbox. A reply: it could not be judged.
std::optional<smtp::Reply> Reception::over_quota(const std::vector<Copy>& copies,
                                                 std::uint64_t size, Fates& fates) {
    std::map<std::string, std::uint64_t> more;  // octets by maildir: copies count together
    for (const Copy& copy : copies) {
        const std::uint64_t quota = copy.target->quota;
        if (quota == 0) continue;
        const std::uint64_t asked = more[copy.maildir] += size;
        auto fits = room_.quotas.fits_now(copy.maildir, quota, asked);
        if (!fits || room_.quotas.due(copy.maildir)) {
            if (const auto usage = room_.quotas.refresh(copy.maildir); !usage) {
                room_.log.error(usage.error().text());
                return not_stored(usage.error());
            }
            fits = room_.quotas.fits_now(copy.maildir, quota, asked);
        }
        if (fits.value_or(true)) continue;
        for (const std::size_t i : copy.recipients) fates[i] = mailbox_full();
    }
    return {};
}

// Takes out whoever gets a "no" after all, and copies that are then nobody's.
void Reception::drop_refused(std::vector<Copy>& copies, const Fates& fates) {
    for (Copy& copy : copies)
        std::erase_if(copy.recipients, [&](std::size_t i) { return fates[i].has_value(); });
    std::erase_if(copies, [](const Copy& copy) { return copy.recipients.empty(); });
}

// This hop of the message's journey: of whom we had it, when, and under which id.
mail::Hop Reception::new_hop(const mail::Envelope& envelope) const {
    mail::Hop hop;
    hop.helo = client_.helo;
    hop.ip = client_.peer.address;
    hop.hostname = snapshot_.server->hostname;
    hop.lmtp = lmtp_;
    hop.extended = client_.esmtp;
    hop.tls = client_.tls.has_value() || client_.peer.secure;
    hop.authenticated = !client_.login.empty();
    if (client_.tls) hop.tls_text = client_.tls->protocol + " " + client_.tls->cipher;
    hop.id = room_.names.next();
    hop.smtputf8 = envelope.sender.smtputf8;
    hop.time = room_.clock.wall();
    if (accepted_.size() == 1) hop.recipient = envelope.recipients[0].address.given();
    return hop;
}

// What stands above the message in each copy, below that copy's own lines.
std::string Reception::trace_of(const mail::Hop& hop, const mail::Envelope& envelope,
                                const mail::Inbound& inbound) const {
    std::string trace;
    if (check_) trace = mail::authentication_results(hop.hostname, *check_, envelope.sender);
    trace += mail::received(hop);
    if (submission_) trace += mail::missing_fields(inbound, hop.id, hop.hostname, hop.time);
    return trace;
}

// Writes all copies and makes them durable and visible, or none.
Result<> Reception::store_copies(const std::vector<Copy>& made, const std::vector<Forward*>& out,
                                 std::vector<Forward> reports, const mail::Envelope& envelope,
                                 const Content& content) {
    std::vector<store::Delivery> deliveries;
    deliveries.reserve(made.size() + out.size() + reports.size());
    std::vector<std::uint64_t> sizes;
    std::vector<std::string_view> parts;
    for (const Copy& copy : made) {
        const std::string stamp = stamp_of(copy, envelope);
        content.behind(stamp, parts);
        auto written = store::Delivery::write(room_.disk, copy.maildir, room_.names.next(), parts,
                                              spilled_.get(), content.rest);
        if (!written) return tl::unexpected(written.error());
        sizes.push_back(written->size());
        deliveries.push_back(std::move(*written));
    }
    const auto queue = [&](Forward& copy, disk::File* spilled, std::string_view rest) -> Result<> {
        auto written = room_.outgoing->prepare(copy.envelope, parts, spilled, rest);
        if (!written) return tl::unexpected(written.error());
        deliveries.push_back(std::move(*written));
        return {};
    };
    for (Forward* copy : out) {
        content.behind(copy->lines, parts);
        if (auto done = queue(*copy, spilled_.get(), content.rest); !done) return done;
    }
    for (Forward& report : reports) {
        parts.assign({report.lines});
        if (auto done = queue(report, nullptr, {}); !done) return done;
    }
    if (auto stored = room_.store.commit(std::move(deliveries)); !stored) return stored;
    for (std::size_t i = 0; i < made.size(); ++i)
        room_.quotas.delivered(made[i].maildir, sizes[i]);
    for (const Forward* copy : out) room_.outgoing->queued(copy->envelope.id);
    for (const Forward& report : reports) room_.outgoing->queued(report.envelope.id);
    return {};
}

std::vector<smtp::Reply> Reception::commit(smtp::Commit& message) {
    const mail::Envelope& envelope = message.envelope;
    const std::string_view rest = gather(message);
    const mail::Inbound inbound =
        mail::read_inbound(head_, {snapshot_.server->hostname, submission_});
    if (!inbound.complete && head_.size() > mail::longest_header)
        return answer_all(header_too_long());
    if (inbound.too_many_hops()) {
        for (std::size_t i = 0; i < accepted_.size(); ++i)
            record(watch::What::refused, envelope.sender, envelope.recipients[i].address,
                   accepted_[i], loops().text);
        return answer_all(loops());
    }
    Fates fates(accepted_.size());
    std::vector<Copy> made = copies(envelope, inbound, fates);
    std::vector<Forward*> out = leaving(envelope, inbound, fates);
    std::uint64_t size = inbound.kept_size + rest.size();
    if (spilled_) size += spilled_->size().value_or(0);
    const std::size_t wanted = made.size();
    if (auto failed = over_quota(made, size, fates)) return answer_all(*failed);
    drop_refused(made, fates);
    if (!out.empty()) drop_refused(out, fates);
    // SMTP has one answer for all: they get the message together, or its sender keeps it.
    if (!lmtp_ && made.size() != wanted) return answer_all(mailbox_full());

    const mail::Hop hop = new_hop(envelope);
    const std::string trace = trace_of(hop, envelope, inbound);
    const auto stored = made.empty() && out.empty()
                            ? Result<>()
                            : store_copies(made, out, reports_of(envelope, fates), envelope,
                                           {trace, inbound, rest});
    if (!stored) {
        room_.log.error(fmt::format("a message from {} could not be stored: {}",
                                    client_.peer.address, stored.error().text()));
        return answer_all(not_stored(stored.error()));
    }
    return report(envelope, hop.id, size, fates);
}

std::vector<smtp::Reply> Reception::answer_all(smtp::Reply reply) {
    const std::size_t count = lmtp_ ? accepted_.size() : 1;
    forget();
    return std::vector<smtp::Reply>(count, std::move(reply));
}

// The replies, and an event for each recipient.
std::vector<smtp::Reply> Reception::report(const mail::Envelope& envelope, const std::string& id,
                                           std::uint64_t size, const Fates& fates) {
    const smtp::Reply stored{250, "2.0.0", "Stored as " + id};
    std::vector<smtp::Reply> replies;
    bool any = false;
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
        const Accepted& accepted = accepted_[i];
        const watch::What what = !fates[i]               ? watch::What::accepted
                                 : fates[i]->code >= 500 ? watch::What::refused
                                                         : watch::What::deferred;
        watch::Event event =
            event_for(what, envelope.sender, envelope.recipients[i].address, accepted);
        event.mailbox = accepted.to.empty()
                            ? accepted.out.front().envelope.owed.front().recipient.address.given()
                            : accepted.to.front().mailbox.text();
        event.size = size;
        event.id = id;
        if (fates[i]) event.why = fates[i]->text;
        room_.recorder.record(std::move(event));
        any |= !fates[i];
        if (lmtp_) replies.push_back(fates[i].value_or(stored));
    }
    if (!lmtp_) replies.push_back(any ? stored : loops());
    forget();
    return replies;
}

}  // namespace mailhandler::agent
