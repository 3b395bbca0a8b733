// The half of a reception (delivery.hpp) that is about mail which leaves again.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <utility>

#include "agent/delivery.hpp"

namespace mailhandler::agent {

// The copies that leave, each under the name of the address of ours that sends it on.
std::optional<smtp::Reply> Reception::pass_on(const smtp::MayTo& question,
                                              const std::vector<route::ToForward>& targets,
                                              Accepted& accepted) const {
    std::map<mail::Address, std::vector<mail::Address>> by_ours;
    for (const route::ToForward& target : targets)
        by_ours[target.delivered_to].push_back(target.address);
    // Of a mailbox here too, success is told once: of that.
    mail::Recipient recipient = question.recipient;
    if (!accepted.to.empty()) recipient.notify = recipient.notify.without_success();
    for (const auto& [ours, addresses] : by_ours) {
        auto copy = forward(room_.outgoing->srs, *question.sender, recipient, ours, addresses,
                            room_.clock.wall());
        if (!copy)
            return smtp::Reply{553, "5.1.7", "The sender's address is too long to be passed on"};
        accepted.out.push_back(std::move(*copy));
    }
    return {};
}

// A recipient that lives elsewhere, in mail of a user of ours.
smtp::Reply Reception::send_out(const smtp::MayTo& question, Accepted accepted) {
    if (!room_.outgoing) {
        const smtp::Reply later{451, "4.3.5", "Mail cannot be sent on at present; try again later"};
        record(watch::What::deferred, *question.sender, question.recipient.address, accepted,
               later.text);
        return later;
    }
    Forward copy;
    copy.envelope.kind = store::Queued::Kind::submission;
    copy.envelope.sender = *question.sender;
    copy.envelope.sender.size.reset();
    copy.envelope.original_sender = question.sender->text();
    copy.envelope.authenticated = true;
    copy.envelope.owed.push_back({question.recipient, {}, {}, false});
    copy.envelope.arrived = copy.envelope.next_attempt = room_.clock.wall();
    accepted.out.push_back(std::move(copy));
    accepted_.push_back(std::move(accepted));
    return {250, "2.1.5", "Recipient ok"};
}

// A bounce of what we passed on, for the sender we rewrote.
smtp::Reply Reception::bring_back(const smtp::MayTo& question, smtp::Understood<mail::Address> to) {
    Accepted accepted;
    accepted.domain = question.recipient.address.domain();
    accepted.rule = "srs";
    if (!to) {
        record(watch::What::refused, *question.sender, question.recipient.address, accepted,
               to.error().text);
        return to.error();
    }
    accepted.out.push_back(
        {returned(*question.sender, question.recipient, *to, room_.clock.wall()), {}});
    accepted_.push_back(std::move(accepted));
    return {250, "2.1.5", "Recipient ok"};
}

std::vector<Forward*> Reception::leaving(const mail::Envelope& envelope,
                                         const mail::Inbound& inbound, Fates& fates) {
    std::vector<Forward*> out;
    std::set<std::pair<std::string, std::string>> named;
    Forward* submitted = nullptr;  // one message in the queue for all who live elsewhere
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
        for (Forward& copy : accepted_[i].out) {
            if (copy.ours && inbound.came_back(*copy.ours)) continue;
            if (copy.ours) copy.envelope.authenticated = sender_is_genuine();
            fates[i].reset();
            const std::string ours = copy.ours ? copy.ours->key() : std::string();
            // The local part's case elsewhere is the recipient's own business.
            const mail::Address& address = envelope.recipients[i].address;
            const std::string& name = copy.ours ? address.key() : address.given();
            if (!named.emplace(name, ours).second) continue;
            const bool shared = copy.envelope.kind == store::Queued::Kind::submission;
            if (shared && submitted) {
                submitted->envelope.owed.push_back(copy.envelope.owed.front());
                continue;
            }
            if (shared) submitted = &copy;
            out.push_back(&copy);
        }
    }
    return out;
}

// In SMTP one answer stands for all recipients: who does not get the message although it was taken,
// only a bounce can tell.
std::vector<Forward> Reception::reports_of(const mail::Envelope& envelope, const Fates& fates) {
    std::vector<store::Owed> failed, delivered;
    const bool any = std::any_of(fates.begin(), fates.end(), [](const auto& no) { return !no; });
    for (std::size_t i = 0; i < fates.size(); ++i) {
        const mail::Recipient& recipient = envelope.recipients[i];
        if (fates[i] && any && !lmtp_)
            failed.push_back(
                {recipient,
                 {},
                 fmt::format("{} {} {}", fates[i]->code, fates[i]->enhanced, fates[i]->text),
                 false});
        else if (!fates[i] && recipient.notify.success && !accepted_[i].to.empty())
            delivered.push_back({recipient, {}, {}, false});
    }
    std::vector<Forward> reports;
    if (auto report = report_of(envelope, std::move(failed), mail::DsnAction::failed))
        reports.push_back(std::move(*report));
    if (auto report = report_of(envelope, std::move(delivered), mail::DsnAction::delivered))
        reports.push_back(std::move(*report));
    return reports;
}

std::optional<Forward> Reception::report_of(const mail::Envelope& envelope,
                                            std::vector<store::Owed> owed, mail::DsnAction action) {
    if (owed.empty() || !room_.outgoing) return {};
    store::Queued message;
    message.kind = store::Queued::Kind::submission;
    message.sender = envelope.sender;
    message.original_sender = envelope.sender.text();
    message.authenticated = sender_is_genuine();
    message.arrived = room_.clock.wall();
    message.owed = std::move(owed);
    auto answer = room_.outgoing->bounces->about({message, message.owed, head_, action},
                                                 snapshot_.server->hostname);
    if (auto* report = std::get_if<Report>(&answer))
        return Forward{std::move(report->envelope), std::move(report->octets), {}};
    if (action == mail::DsnAction::failed)
        room_.log.error(fmt::format("{} of {} is not told of {}: {}", message.original_sender,
                                    client_.peer.address, message.owed.front().last_reply,
                                    std::get<Untold>(answer).why));
    return {};
}

// Takes out the copies that leave for whoever gets a "no" after all.
void Reception::drop_refused(std::vector<Forward*>& out, const Fates& fates) {
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
        if (!fates[i]) continue;
        std::erase_if(out, [&](const Forward* copy) {
            return std::any_of(accepted_[i].out.begin(), accepted_[i].out.end(),
                               [copy](const Forward& own) { return &own == copy; });
        });
    }
}

}  // namespace mailhandler::agent
