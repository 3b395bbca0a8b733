#include "agent/mail_login.hpp"

namespace mailhandler::agent {

std::optional<Account> log_in(Mailroom& room, Logins& logins, const route::Directory& directory,
                              const std::string& login, std::string_view password,
                              const std::string& peer, const std::string& protocol) {
    auto account = logins.verify(directory, login, password);
    if (account && account->leaving) {
        const auto waiting = store::measure(room.disk, room.layout.maildir(account->mailbox));
        if (waiting && waiting->messages == 0) account.reset();
    }
    watch::Event event;
    event.what = account ? watch::What::login : watch::What::login_failed;
    event.peer = peer;
    // A person's login is their address, and counts as its history; a domain's is none.
    if (login.find('@', 1) != std::string::npos)
        event.recipient = login;
    else
        event.domain = login;
    event.rule = protocol;
    if (account) event.mailbox = account->mailbox.text();
    room.recorder.record(std::move(event));
    return account;
}

}  // namespace mailhandler::agent
