// What a POP3 session asks of its owner, answered: who may log in (Logins), and the messages of
// their maildir (MaildropAccess).
#pragma once

#include "agent/access.hpp"
#include "agent/delivery.hpp"
#include "agent/logins.hpp"
#include "pop3/server_session.hpp"

namespace mailhandler::agent {

class Pop3Access {
  public:
    // `client` is the session's own, read whenever a question is answered.
    Pop3Access(Mailroom& room, Logins& logins, Maildrops& maildrops, Random& random,
               const pop3::Client& client);

    pop3::Answer answer(pop3::Question question);

  private:
    pop3::Verdict login(const pop3::MayLogin& question);
    pop3::Opened open();
    pop3::Verdict close();

    Mailroom& room_;
    Logins& logins_;
    Random& random_;
    const pop3::Client& client_;
    Snapshot snapshot_;  // as it was when the client connected
    std::optional<Account> account_;
    MaildropAccess maildrop_;
};

}  // namespace mailhandler::agent
