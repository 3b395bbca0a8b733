// Mail that our own users send (RFC 6409, RFC 8314): the owner of a submission session. Who logs in,
// in whose name they may write, how much; the rest is a Reception, which delivers to local
// recipients and puts what goes elsewhere into the outbound queue, in one commit.
//
// - Nothing is taken without a login: the session sees to that.
// - The envelope's sender must be theirs: an address that route() leads to their mailbox, so their
//   own, one with a +tag, an alias that reaches them; for the default mailbox's login, whatever
//   falls to it. Or the null one, for receipts (RFC 8098 section 3). Else 553 5.7.1. From is not
//   looked at and nothing is rewritten.
// - A missing Date or Message-ID is added (RFC 6409 section 8); Bcc is taken out.
// - [limits] recipients_per_hour for each login; beyond it 450 4.7.1.
#pragma once

#include <optional>

#include "agent/allowance.hpp"
#include "agent/delivery.hpp"
#include "agent/logins.hpp"
#include "smtp/server_session.hpp"

namespace mailhandler::agent {

// True when mail to `address` reaches `mailbox`: whose it is may write in its name. With
// `unavailable` set to true nobody knows, because a file cannot be loaded.
bool is_theirs(const route::Directory& directory, const route::MailboxName& mailbox,
               const mail::Address& address, Date today, bool& unavailable);

class Submission {
  public:
    // All outlive it; `client` is the session's own, read whenever a question is answered.
    Submission(Mailroom& room, Logins& logins, Allowance& allowance, const smtp::Client& client);

    // MayLogin on a password-pool thread, the others as in Reception.
    smtp::Answer answer(smtp::Question question);

  private:
    smtp::Reply login(const smtp::MayLogin& question);
    std::optional<smtp::Reply> not_from(const smtp::MayFrom& question) const;
    std::optional<smtp::Reply> too_many() const;

    Mailroom& room_;
    Logins& logins_;
    Allowance& allowance_;
    const smtp::Client& client_;
    Reception reception_;
    Snapshot snapshot_;  // as it was when the client connected
    std::optional<Account> account_;
};

}  // namespace mailhandler::agent
