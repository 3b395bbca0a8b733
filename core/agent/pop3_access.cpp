#include "agent/pop3_access.hpp"

namespace mailhandler::agent {

Pop3Access::Pop3Access(Mailroom& room, Logins& logins, const pop3::Client& client)
    : room_(room), logins_(logins), client_(client), maildrop_(room.disk) {}

pop3::Answer Pop3Access::answer(pop3::Question question) {
    if (const auto* asked = std::get_if<pop3::MayLogin>(&question)) return login(*asked);
    if (std::holds_alternative<pop3::Open>(question)) return open();
    if (const auto* load = std::get_if<pop3::Load>(&question)) return maildrop_.load(*load);
    if (const auto* remove = std::get_if<pop3::Remove>(&question)) {
        auto removed = maildrop_.remove(*remove);
        room_.quotas.removed(room_.layout.maildir(account_->mailbox), maildrop_.freed());
        return removed;
    }
    if (std::holds_alternative<pop3::Closed>(question)) {
        maildrop_.close();
        return pop3::Verdict{};
    }
    snapshot_ = room_.snapshot;  // MayConnect, on the network thread
    return pop3::Verdict{};
}

pop3::Verdict Pop3Access::login(const pop3::MayLogin& question) {
    account_ = logins_.verify(snapshot_.directory, question.login, question.password);
    if (account_ && account_->leaving) {
        const auto waiting = store::list_maildir(
            room_.disk, room_.layout.maildir(account_->mailbox));
        if (waiting && waiting->empty()) account_.reset();
    }
    watch::Event event;
    event.what = account_ ? watch::What::login : watch::What::login_failed;
    event.peer = client_.peer.address;
    // A person's login is their address, and counts as its history; a domain's is none.
    if (question.login.find('@', 1) != std::string::npos)
        event.recipient = question.login;
    else
        event.domain = question.login;
    event.rule = "pop3";
    if (account_) event.mailbox = account_->mailbox.text();
    room_.recorder.record(std::move(event));
    return {account_ ? pop3::Outcome::ok : pop3::Outcome::refused, {}};
}

pop3::Opened Pop3Access::open() {
    return maildrop_.open(room_.layout.maildir(account_->mailbox),
                          snapshot_.server->pop3_uidl_dovecot);
}

}  // namespace mailhandler::agent
