// A login of somebody who comes for their mail, by POP3 or IMAP: judged by Logins, told to the journal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/delivery.hpp"
#include "agent/logins.hpp"

namespace mailhandler::agent {

// The account, or nothing. A default mailbox whose domain no longer delivers is let in only while mail waits
// in it. `protocol`: "pop3", "imap". Blocking: for the password pool.
std::optional<Account> log_in(Mailroom& room, Logins& logins, const route::Directory& directory,
                              const std::string& login, std::string_view password,
                              const std::string& peer, const std::string& protocol);

}  // namespace mailhandler::agent
