// Who may log in, and whose mail they see: for POP3, IMAP and submission alike.
//
// The login of a mailbox is its address, that of a domain's default mailbox the domain's name, with
// or without an @ before it. One verification costs 15 ms of a core on purpose; a mail program that
// asks every minute shall not pay it every time, so a login that was right is remembered briefly, as
// a cheap hash under a salt of this process.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "route/directory.hpp"

namespace mailhandler::agent {

// A login that was right.
struct Account {
    route::MailboxName mailbox;
    std::uint64_t quota = 0;  // octets; 0: none
    // The default's action is no longer `deliver`: the login is kept only while mail waits.
    bool leaving = false;
};

class Logins {
  public:
    explicit Logins(const Clock& clock, std::chrono::seconds remember = std::chrono::seconds(60))
        : clock_(clock), remember_(remember) {}

    // The account of this login, or nothing for a wrong password and for a name that does not
    // exist: both take the same time. Blocking (crypt); safe from several threads.
    std::optional<Account> verify(const route::Directory& directory, std::string_view login,
                                  std::string_view password);

  private:
    struct Remembered {
        std::string proof;  // a cheap crypt(3) hash of the password
        std::string hash;   // the configured hash it was right for
        Instant until;
    };

    bool remembered(const std::string& key, const std::string& hash, std::string_view password);
    void remember(const std::string& key, const std::string& hash, std::string_view password);

    const Clock& clock_;
    const std::chrono::seconds remember_;
    SystemRandom random_;
    std::mutex mutex_;
    std::unordered_map<std::string, Remembered> known_;
};

}  // namespace mailhandler::agent
