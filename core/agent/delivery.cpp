#include "agent/delivery.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <map>
#include <set>
#include <utility>

#include "mail/submitted.hpp"

namespace mailhandler::agent {

namespace {

smtp::Reply no_space() {
    return {452, "4.2.2", "The mailbox is full; try again later"};
}

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

// The rule that decided: the last step that was not merely shadowed.
std::string deciding_rule(const route::Route& found) {
    for (auto step = found.steps.rbegin(); step != found.steps.rend(); ++step)
        if (!step->shadowed) return std::string(route::name(step->rule));
    return {};
}

mail::Hop hop_of(const smtp::Client& client, const config::Server& server, bool lmtp) {
    mail::Hop hop;
    hop.helo = client.helo;
    hop.ip = client.peer.address;
    hop.hostname = server.hostname;
    hop.lmtp = lmtp;
    hop.extended = client.esmtp;
    hop.tls = client.tls.has_value() || client.peer.secure;
    hop.authenticated = !client.login.empty();
    if (client.tls) hop.tls_text = client.tls->protocol + " " + client.tls->cipher;
    return hop;
}

}  // namespace

Reception::Reception(Mailroom& room, const smtp::Client& client, smtp::Service service)
    : room_(room),
      client_(client),
      lmtp_(service == smtp::Service::lmtp),
      submission_(service == smtp::Service::submission) {}

smtp::Answer Reception::answer(smtp::Question question) {
    smtp::Answer answer;
    if (std::holds_alternative<smtp::MayConnect>(question))
        answer.replies.push_back(may_connect());
    else if (auto* from = std::get_if<smtp::MayFrom>(&question))
        answer.replies.push_back(may_from(*from));
    else if (auto* to = std::get_if<smtp::MayTo>(&question))
        answer.replies.push_back(may_to(*to));
    else if (auto* block = std::get_if<smtp::Spill>(&question))
        answer.replies.push_back(spill(*block));
    else if (auto* message = std::get_if<smtp::Commit>(&question))
        answer.replies = commit(*message);
    else if (std::holds_alternative<smtp::Discard>(question))
        forget();
    else  // MayLogin: this service offers no AUTH
        answer.replies.push_back({454, "4.7.0", "Logging in is not possible here"});
    return answer;
}

smtp::Reply Reception::may_connect() {
    return {220, "", "mailhandler"};
}

smtp::Reply Reception::may_from(const smtp::MayFrom&) {
    forget();
    snapshot_ = room_.snapshot;
    return {250, "2.1.0", "Sender ok"};
}

smtp::Reply Reception::may_to(const smtp::MayTo& question) {
    const mail::Address& address = question.recipient.address;
    if (room_.outgoing) {
        auto back = returning(room_.outgoing->srs, snapshot_.directory, *question.sender, address,
                              room_.clock.wall());
        if (back) return bring_back(question, std::move(*back));
    }
    route::Route found = route::route(snapshot_.directory, address, local_date(room_.clock.wall()));
    Accepted accepted;
    accepted.rule = deciding_rule(found);
    accepted.domain = address.domain();
    if (const auto* refused = std::get_if<route::Refuse>(&found.outcome)) {
        const bool not_here = refused->why == route::Why::relaying_denied ||
                              refused->why == route::Why::elsewhere;
        if (submission_ && not_here) return send_out(question, std::move(accepted));
        record(watch::What::refused, *question.sender, address, accepted, refused->text);
        return {refused->code, refused->enhanced, refused->text};
    }
    std::optional<smtp::Reply> later;
    std::vector<route::ToForward> out;
    if (const auto* deferred = std::get_if<route::Defer>(&found.outcome)) {
        later = smtp::Reply{deferred->code, deferred->enhanced, deferred->text};
    } else {
        for (route::Destination& to : std::get<route::Deliver>(found.outcome).to) {
            auto* mailbox = std::get_if<route::ToMailbox>(&to);
            if (!mailbox && room_.outgoing)
                out.push_back(std::move(std::get<route::ToForward>(to)));
            else if (mailbox && room_.outgoing && !mailbox->deliver.empty())
                accepted.out.push_back(handed_over(*question.sender, question.recipient,
                                                   mailbox->delivered_to, mailbox->deliver,
                                                   room_.clock.wall()));
            else if (!mailbox || !mailbox->deliver.empty())
                later = smtp::Reply{451, "4.3.5",
                                    "Mail for this address cannot be passed on at present; "
                                    "try again later"};
            else if (auto full = no_room(*mailbox, question.sender->size.value_or(0)))
                later = std::move(full);
            else
                accepted.to.push_back(std::move(*mailbox));
        }
    }
    if (!later) later = pass_on(question, out, accepted);
    if (later && later->code >= 500) {
        record(watch::What::refused, *question.sender, address, accepted, later->text);
        return *later;
    }
    if (later) {
        record(watch::What::deferred, *question.sender, address, accepted, later->text);
        return *later;
    }
    accepted_.push_back(std::move(accepted));
    return {250, "2.1.5", "Recipient ok"};
}

std::optional<smtp::Reply> Reception::no_room(const route::ToMailbox& target, std::uint64_t size) {
    if (target.quota == 0) return {};
    const auto fits =
        room_.quotas.fits_now(room_.layout.maildir(target.mailbox), target.quota, size);
    // A mailbox that was never looked at is judged when the message is there.
    if (fits.value_or(true)) return {};
    return no_space();
}

void Reception::forget() {
    accepted_.clear();
    head_.clear();
    head_.shrink_to_fit();
    spilled_.reset();
    check_.reset();
}

void Reception::record(watch::What what, const mail::Sender& sender,
                       const mail::Address& recipient, const Accepted& accepted,
                       const std::string& why) {
    watch::Event event;
    event.what = what;
    event.peer = client_.peer.address;
    event.helo = client_.helo;
    event.sender = sender.text();
    event.recipient = recipient.given();
    event.domain = accepted.domain;
    event.rule = accepted.rule;
    event.why = why;
    room_.recorder.record(std::move(event));
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
        for (const std::size_t i : copy.recipients) fates[i] = no_space();
    }
    return {};
}

// Takes out whoever gets a "no" after all, and copies that are then nobody's.
void Reception::drop_refused(std::vector<Copy>& copies, const Fates& fates) {
    for (Copy& copy : copies)
        std::erase_if(copy.recipients, [&](std::size_t i) { return fates[i].has_value(); });
    std::erase_if(copies, [](const Copy& copy) { return copy.recipients.empty(); });
}

// Writes all copies and makes them durable and visible, or none.
Result<> Reception::store_copies(const std::vector<Copy>& made, const std::vector<Forward*>& out,
                                 std::vector<Forward> reports, const mail::Envelope& envelope,
                                 const Content& content) {
    std::vector<store::Delivery> deliveries;
    deliveries.reserve(made.size() + out.size() + reports.size());
    std::vector<std::uint64_t> sizes;
    std::vector<std::string_view> parts;
    const auto parts_behind = [&](std::string_view lines) {
        parts.assign({lines, content.trace});
        parts.insert(parts.end(), content.inbound.kept.begin(), content.inbound.kept.end());
    };
    for (const Copy& copy : made) {
        const std::string stamp = stamp_of(copy, envelope);
        parts_behind(stamp);
        auto written = store::Delivery::write(room_.disk, copy.maildir, room_.names.next(), parts,
                                              spilled_.get(), content.rest);
        if (!written) return tl::unexpected(written.error());
        sizes.push_back(written->size());
        deliveries.push_back(std::move(*written));
    }
    for (Forward* copy : out) {
        parts_behind(copy->lines);
        auto written = room_.outgoing->prepare(copy->envelope, parts, spilled_.get(), content.rest);
        if (!written) return tl::unexpected(written.error());
        deliveries.push_back(std::move(*written));
    }
    for (Forward& report : reports) {
        parts.assign({report.lines});
        auto written = room_.outgoing->prepare(report.envelope, parts, nullptr, {});
        if (!written) return tl::unexpected(written.error());
        deliveries.push_back(std::move(*written));
    }
    if (auto stored = room_.store.commit(std::move(deliveries)); !stored) return stored;
    for (std::size_t i = 0; i < made.size(); ++i)
        room_.quotas.delivered(made[i].maildir, sizes[i]);
    for (const Forward* copy : out) room_.outgoing->queued(copy->envelope.id);
    for (const Forward& report : reports) room_.outgoing->queued(report.envelope.id);
    return {};
}

std::vector<smtp::Reply> Reception::commit(smtp::Commit& message) {
    const std::size_t count = lmtp_ ? accepted_.size() : 1;
    const auto all = [&](smtp::Reply reply) {
        forget();
        return std::vector<smtp::Reply>(count, std::move(reply));
    };
    // Until something was spilled the whole message is in `rest`; a header that only ends there
    // joins what was gathered of it.
    std::string_view rest = message.rest;
    if (!spilled_) {
        if (head_.empty())
            head_ = std::move(message.rest);
        else
            head_ += message.rest;
        rest = {};
    }
    const mail::Inbound inbound = mail::read_inbound(head_, {snapshot_.server->hostname, submission_});
    if (!inbound.complete && head_.size() > mail::longest_header) return all(header_too_long());
    if (inbound.too_many_hops()) {
        for (std::size_t i = 0; i < accepted_.size(); ++i)
            record(watch::What::refused, message.envelope.sender,
                   message.envelope.recipients[i].address, accepted_[i], loops().text);
        return all(loops());
    }
    Fates fates(accepted_.size());
    std::vector<Copy> made = copies(message.envelope, inbound, fates);
    std::vector<Forward*> out = leaving(message.envelope, inbound, fates);
    std::uint64_t size = inbound.kept_size + rest.size();
    if (spilled_) size += spilled_->size().value_or(0);
    const std::size_t wanted = made.size();
    if (auto failed = over_quota(made, size, fates)) return all(*failed);
    drop_refused(made, fates);
    if (!out.empty()) drop_refused(out, fates);
    // SMTP has one answer for all: they get the message together, or its sender keeps it.
    if (!lmtp_ && made.size() != wanted) return all(no_space());

    mail::Hop hop = hop_of(client_, *snapshot_.server, lmtp_);
    hop.id = room_.names.next();
    hop.smtputf8 = message.envelope.sender.smtputf8;
    hop.time = room_.clock.wall();
    if (accepted_.size() == 1) hop.recipient = message.envelope.recipients[0].address.given();
    std::string trace;
    if (check_)
        trace = mail::authentication_results(hop.hostname, *check_, message.envelope.sender);
    trace += mail::received(hop);
    if (submission_) trace += mail::missing_fields(inbound, hop.id, hop.hostname, hop.time);
    const auto stored = made.empty() && out.empty()
                            ? Result<>()
                            : store_copies(made, out, reports_of(message.envelope, fates),
                                           message.envelope, {trace, inbound, rest});
    if (!stored) {
        room_.log.error(fmt::format("a message from {} could not be stored: {}",
                                    client_.peer.address, stored.error().text()));
        return all(not_stored(stored.error()));
    }
    return report(message.envelope, hop.id, size, fates);
}

// The replies, and an event for each recipient.
std::vector<smtp::Reply> Reception::report(const mail::Envelope& envelope, const std::string& id,
                                           std::uint64_t size, const Fates& fates) {
    const smtp::Reply stored{250, "2.0.0", "Stored as " + id};
    std::vector<smtp::Reply> replies;
    bool any = false;
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
        watch::Event event;
        event.what = !fates[i]                 ? watch::What::accepted
                     : fates[i]->code >= 500 ? watch::What::refused
                                             : watch::What::deferred;
        event.peer = client_.peer.address;
        event.helo = client_.helo;
        event.sender = envelope.sender.text();
        event.recipient = envelope.recipients[i].address.given();
        event.domain = accepted_[i].domain;
        event.rule = accepted_[i].rule;
        event.mailbox = accepted_[i].to.empty()
                            ? accepted_[i].out.front().envelope.owed.front().recipient.address.given()
                            : accepted_[i].to.front().mailbox.text();
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
