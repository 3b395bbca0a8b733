#include "agent/pop3_access.hpp"

#include "agent/mail_login.hpp"

namespace mailhandler::agent {

Pop3Access::Pop3Access(Mailroom& room, Logins& logins, Maildrops& maildrops, Random& random,
                       const pop3::Client& client)
    : room_(room),
      logins_(logins),
      random_(random),
      client_(client),
      maildrop_(room.disk, maildrops) {}

pop3::Answer Pop3Access::answer(pop3::Question question) {
    if (const auto* asked = std::get_if<pop3::MayLogin>(&question)) return login(*asked);
    if (std::holds_alternative<pop3::Open>(question)) return open();
    if (const auto* load = std::get_if<pop3::Load>(&question)) return maildrop_.load(*load);
    if (const auto* remove = std::get_if<pop3::Remove>(&question)) {
        auto removed = maildrop_.remove(*remove);
        room_.quotas.removed(room_.layout.maildir(account_->mailbox), maildrop_.freed());
        return removed;
    }
    if (std::holds_alternative<pop3::Closed>(question)) return close();
    snapshot_ = room_.snapshot;  // MayConnect, on the network thread
    return pop3::Verdict{};
}

pop3::Verdict Pop3Access::login(const pop3::MayLogin& question) {
    account_ = log_in(room_, logins_, snapshot_.directory, question.login, question.password,
                      client_.peer.address, "pop3");
    return {account_ ? pop3::Outcome::ok : pop3::Outcome::refused, {}};
}

pop3::Verdict Pop3Access::close() {
    const auto listed = maildrop_.list_uids(room_.clock, random_, room_.log);
    if (!listed) room_.log.warning(listed.error().text());
    maildrop_.close();
    return {};
}

pop3::Opened Pop3Access::open() {
    return maildrop_.open(room_.layout.maildir(account_->mailbox),
                          snapshot_.server->pop3_uidl_dovecot);
}

}  // namespace mailhandler::agent
