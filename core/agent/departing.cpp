#include "agent/departing.hpp"

#include <algorithm>
#include <map>

#include "agent/forward.hpp"
#include "mail/bounceable.hpp"
#include "mail/header.hpp"
#include "mail/stamp.hpp"

namespace mailhandler::agent {

namespace {

std::string joined(const std::vector<std::string_view>& pieces) {
    std::string text;
    for (const std::string_view piece : pieces) text += piece;
    return text;
}

std::string_view protocol(const config::Fetch& fetch) {
    using Protocol = config::Fetch::Protocol;
    return fetch.protocol == Protocol::pop3 || fetch.protocol == Protocol::pop3s ? "POP3" : "IMAP";
}

std::vector<Bounced*> bounced_ends(Judged& judged) {
    std::vector<Bounced*> ends;
    for (Fate& fate : judged.fates)
        for (End& end : fate.ends)
            if (auto* bounced = std::get_if<Bounced>(&end)) ends.push_back(bounced);
    return ends;
}

// Nobody is told after all.
void hold_instead(Judged& judged, const std::function<SetAside(const Bounced&)>& aside) {
    for (Fate& fate : judged.fates)
        for (End& end : fate.ends)
            if (const auto* bounced = std::get_if<Bounced>(&end)) end = aside(*bounced);
}

}  // namespace

// In its own host's words (Authentication-Results of the trusted block).
bool Departing::is_genuine() const {
    const auto& sender = judged_.block.return_path;
    const auto& results = judged_.block.authentication_results;
    return sender && std::any_of(results.begin(), results.end(), [&](const std::string& value) {
               return mail::authenticates(value, *sender);
           });
}

Result<> Departing::bounce(std::vector<store::Copy>& copies) {
    const auto ends = bounced_ends(judged_);
    if (ends.empty()) return {};
    if (!world_.outgoing || !world_.outgoing->bounces) {
        hold_instead(judged_, [](const Bounced& end) {
            return SetAside{Reason::would_bounce, end.text, "", ""};
        });
        return {};
    }
    store::Queued message;
    message.kind = store::Queued::Kind::submission;
    message.original_sender = judged_.block.return_path_text;
    message.authenticated = is_genuine();
    message.arrived = world_.clock.wall();
    for (const Fate& fate : judged_.fates)
        for (const End& end : fate.ends)
            if (const auto* bounced = std::get_if<Bounced>(&end))
                message.owed.push_back({{*fate.recipient, {}, {}}, {}, bounced->text, false});
    const std::string header = joined(pieces_);
    auto answer = world_.outgoing->bounces->about({message, message.owed, header}, world_.hostname);
    if (const auto* untold = std::get_if<Untold>(&answer)) {
        hold_instead(judged_,
                     [&](const Bounced& end) { return never_bounced(end.text, untold->why); });
        return {};
    }
    Report& report = std::get<Report>(answer);
    auto staged = world_.outgoing->stage(report.envelope, world_.fetch.domain,
                                         {std::move(report.octets), {}, nullptr});
    if (!staged) return tl::unexpected(staged.error());
    if (*staged) copies.push_back(std::move(**staged));
    for (Bounced* end : ends) end->id = report.envelope.id;
    return {};
}

Result<> Departing::pass_on(std::vector<store::Copy>& copies) {
    // Below the block stands what was written before it came to its host.
    const mail::Inbound below = mail::read_inbound(
        message_.head.substr(std::min(judged_.block.size, message_.head.size())));
    for (Fate& fate : judged_.fates) {
        std::map<mail::Address, std::vector<PassedOn*>> by_ours;
        for (End& end : fate.ends) {
            auto* on = std::get_if<PassedOn>(&end);
            if (!on) continue;
            const std::string to = on->to.address.given();
            if (!world_.outgoing)
                end = SetAside{Reason::would_forward, "it is to go on to " + to, to, ""};
            else if (below.came_back(on->to.delivered_to) || below.too_many_hops())
                end = SetAside{Reason::loop, "it went on to " + to + " before", to, ""};
            else
                by_ours[on->to.delivered_to].push_back(on);
        }
        for (auto& [ours, ends] : by_ours)
            if (auto sent = send(ends, fate, copies); !sent) return sent;
    }
    return {};
}

// One copy, for all the targets of one address of ours.
Result<> Departing::send(std::vector<PassedOn*>& ends, const Fate& fate,
                         std::vector<store::Copy>& copies) {
    const mail::Address& ours = ends.front()->to.delivered_to;
    const mail::Recipient recipient{fate.recipient.value_or(ours), {}, {}};
    std::vector<mail::Address> targets;
    for (const PassedOn* end : ends) targets.push_back(end->to.address);
    mail::Sender sender;
    sender.address = judged_.block.return_path;
    sender.body = mail::BodyType::eight_bit_mime;  // nobody knows, and it harms nothing
    const WallTime now = world_.clock.wall();
    auto copy = forward(world_.outgoing->srs, sender, recipient, ours, targets, now);
    if (!copy) {  // a sender too long to be rewritten gets no bounce
        sender.address.reset();
        copy = forward(world_.outgoing->srs, sender, recipient, ours, targets, now);
    }
    if (!copy) return tl::unexpected(copy.error());
    copy->envelope.authenticated = is_genuine();
    const std::string lines =
        copy->lines + mail::collected(protocol(world_.fetch), world_.fetch.host, world_.hostname,
                                      world_.names.next(), now);
    auto staged = world_.outgoing->stage(copy->envelope, world_.fetch.domain,
                                         message_.below(lines, pieces_));
    if (!staged) return tl::unexpected(staged.error());
    if (*staged) copies.push_back(std::move(**staged));
    for (PassedOn* end : ends) end->id = copy->envelope.id;
    return {};
}

}  // namespace mailhandler::agent
