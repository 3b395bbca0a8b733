#include "agent/delivery.hpp"

#include <utility>

namespace mailhandler::agent {

namespace {

// The rule that decided: the last step that was not merely shadowed.
std::string deciding_rule(const route::Route& found) {
    for (auto step = found.steps.rbegin(); step != found.steps.rend(); ++step)
        if (!step->shadowed) return std::string(route::name(step->rule));
    return {};
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
    std::optional<smtp::Reply> no;
    if (const auto* deferred = std::get_if<route::Defer>(&found.outcome))
        no = smtp::Reply{deferred->code, deferred->enhanced, deferred->text};
    else
        no = take_up(question, std::get<route::Deliver>(found.outcome).to, accepted);
    if (no) {
        record(no->code >= 500 ? watch::What::refused : watch::What::deferred, *question.sender,
               address, accepted, no->text);
        return *no;
    }
    accepted_.push_back(std::move(accepted));
    return {250, "2.1.5", "Recipient ok"};
}

std::optional<smtp::Reply> Reception::take_up(const smtp::MayTo& question,
                                              std::vector<route::Destination>& destinations,
                                              Accepted& accepted) {
    std::optional<smtp::Reply> no;
    std::vector<route::ToForward> out;
    for (route::Destination& to : destinations) {
        auto* mailbox = std::get_if<route::ToMailbox>(&to);
        const bool leaves = !mailbox || !mailbox->deliver.empty();
        if (leaves && !room_.outgoing)
            no = smtp::Reply{451, "4.3.5",
                             "Mail for this address cannot be passed on at present; "
                             "try again later"};
        else if (!mailbox)
            out.push_back(std::move(std::get<route::ToForward>(to)));
        else if (leaves)
            accepted.out.push_back(handed_over(*question.sender, question.recipient,
                                               mailbox->delivered_to, mailbox->deliver,
                                               room_.clock.wall()));
        else if (auto full = no_room(*mailbox, question.sender->size.value_or(0)))
            no = std::move(full);
        else
            accepted.to.push_back(std::move(*mailbox));
    }
    if (!no) no = pass_on(question, out, accepted);
    return no;
}

std::optional<smtp::Reply> Reception::no_room(const route::ToMailbox& target, std::uint64_t size) {
    if (target.quota == 0) return {};
    const auto fits =
        room_.quotas.fits_now(room_.layout.maildir(target.mailbox), target.quota, size);
    // A mailbox that was never looked at is judged when the message is there.
    if (fits.value_or(true)) return {};
    return mailbox_full();
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
    watch::Event event = event_for(what, sender, recipient, accepted);
    event.why = why;
    room_.recorder.record(std::move(event));
}

watch::Event Reception::event_for(watch::What what, const mail::Sender& sender,
                                  const mail::Address& recipient,
                                  const Accepted& accepted) const {
    watch::Event event;
    event.what = what;
    event.peer = client_.peer.address;
    event.helo = client_.helo;
    event.sender = sender.text();
    event.recipient = recipient.given();
    event.domain = accepted.domain;
    event.rule = accepted.rule;
    return event;
}

}  // namespace mailhandler::agent
