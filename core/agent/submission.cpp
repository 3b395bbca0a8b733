#include "agent/submission.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace mailhandler::agent {

bool is_theirs(const route::Directory& directory, const route::MailboxName& mailbox,
               const mail::Address& address, Date today, bool& unavailable) {
    const route::Route found = route::route(directory, address, today);
    unavailable = std::holds_alternative<route::Defer>(found.outcome);
    const auto* reached = std::get_if<route::Deliver>(&found.outcome);
    return reached && std::any_of(reached->to.begin(), reached->to.end(), [&](const auto& to) {
               const auto* one = std::get_if<route::ToMailbox>(&to);
               return one && one->mailbox == mailbox;
           });
}

Submission::Submission(Mailroom& room, Logins& logins, Allowance& allowance,
                       const smtp::Client& client)
    : room_(room),
      logins_(logins),
      allowance_(allowance),
      client_(client),
      reception_(room, client, smtp::Service::submission) {}

smtp::Answer Submission::answer(smtp::Question question) {
    if (const auto* asked = std::get_if<smtp::MayLogin>(&question)) return {{login(*asked)}};
    if (std::holds_alternative<smtp::MayConnect>(question)) snapshot_ = room_.snapshot;
    if (const auto* from = std::get_if<smtp::MayFrom>(&question))
        if (auto no = not_from(*from)) return {{std::move(*no)}};
    if (std::holds_alternative<smtp::MayTo>(question))
        if (auto no = too_many()) return {{std::move(*no)}};
    return reception_.answer(std::move(question));
}

smtp::Reply Submission::login(const smtp::MayLogin& question) {
    account_ = logins_.verify(snapshot_.directory, question.login, question.password);
    // A default mailbox that takes no mail any more is kept to be emptied, not to be written from.
    if (account_ && account_->leaving) account_.reset();
    watch::Event event;
    event.what = account_ ? watch::What::login : watch::What::login_failed;
    event.peer = client_.peer.address;
    // A person's login is their address, and counts as its history; a domain's is none.
    if (question.login.find('@', 1) != std::string::npos)
        event.recipient = question.login;
    else
        event.domain = question.login;
    event.rule = "submission";
    if (account_) event.mailbox = account_->mailbox.text();
    room_.recorder.record(std::move(event));
    if (!account_) return {535, "5.7.8", "Wrong name or password"};
    return {235, "2.7.0", "Welcome"};
}

// Why they cannot send in this name.
std::optional<smtp::Reply> Submission::not_from(const smtp::MayFrom& question) const {
    if (!question.sender.address) return {};
    const mail::Address& sender = *question.sender.address;
    bool unavailable = false;
    if (is_theirs(room_.snapshot.directory, account_->mailbox, sender,
                  local_date(room_.clock.wall()), unavailable))
        return {};
    if (unavailable)
        return smtp::Reply{451, "4.3.5", "Mail for your address is not available at present; "
                                         "please try again later"};
    return smtp::Reply{553, "5.7.1",
                       fmt::format("Who logs in as {} cannot write as {}: mail to that address does "
                                   "not reach you",
                                   client_.login, sender.given())};
}

std::optional<smtp::Reply> Submission::too_many() const {
    const std::size_t most = room_.snapshot.server->limits.recipients_per_hour;
    if (allowance_.take(account_->mailbox.text(), most, room_.clock.now())) return {};
    return smtp::Reply{450, "4.7.1",
                       fmt::format("You have written to {} recipients within an hour; "
                                   "please try again later",
                                   most)};
}

}  // namespace mailhandler::agent
