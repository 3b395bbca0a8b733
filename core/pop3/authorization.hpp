// The authorization state (RFC 1939 section 4): from the greeting to a login. It knows what may be
// said and when a password may cross the line; whether the password is right is its owner's matter.
#pragma once

#include <string>
#include <string_view>

#include "pop3/command.hpp"

namespace mailhandler::pop3 {

// What the state depends on beside its own memory.
struct Privacy {
    bool loopback = false;
    bool secure = false;       // TLS is up
    bool tls_offered = false;  // STLS can be done

    // A password never crosses the network in clear.
    bool may_login() const { return secure || loopback; }
    bool may_stls() const { return tls_offered && !secure; }
};

// The answer to CAPA, whole (RFC 2449 section 6). What is not possible now is not announced.
std::string capabilities(const Privacy& privacy);

class Authorization {
  public:
    // What a line comes to.
    struct Step {
        enum class Kind {
            reply,
            mistake,    // a reply that counts against the client
            login,      // `login` and `password` are to be judged
            start_tls,  // after the reply
            utf8,       // a reply; RFC 6856 was asked for
        };
        Kind kind = Kind::reply;
        std::string reply;
        std::string login, password;
    };

    // STLS, UTF8, USER, PASS, AUTH; every other command is a mistake here.
    Step command(const Command& command, const Privacy& privacy);

    // The next line belongs to AUTH, not to the grammar of commands.
    bool in_exchange() const { return in_exchange_; }
    Step response(std::string_view line);

  private:
    Step stls(const Privacy& privacy);
    Step user(std::string_view name);
    Step pass(std::string_view password);
    Step auth(std::string_view argument);

    std::string user_;  // of USER, for PASS
    bool in_exchange_ = false;
};

}  // namespace mailhandler::pop3
