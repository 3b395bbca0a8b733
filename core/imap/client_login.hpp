// The client's side of a login by IMAP: SCRAM-SHA-256 where it is offered, else PLAIN, else the LOGIN
// command; with an OAuth2 token OAUTHBEARER (RFC 7628) or XOAUTH2. With an initial response where the
// server takes one (SASL-IR, RFC 4959). Fed with responses, it says what to send next. Whether a
// secret may be sent at all is the session's decision.
//
// A server may offer SCRAM for accounts whose passwords it cannot use it with; so where SCRAM is
// refused, PLAIN is tried once. A server that fails to prove itself gets no password.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "imap/client_capability.hpp"
#include "imap/client_line.hpp"
#include "wire/scram.hpp"
#include "wire/words.hpp"

namespace mailhandler::imap {

// What NO to a login means: by its response code (RFC 5530), else by its words.
wire::Failure judge_login(const ServerLine& line);

class ClientLogin {
  public:
    struct Step {
        enum class Kind { command, line, done, failed };
        Kind kind = Kind::failed;
        std::string text;  // of a command without its tag, or a line; without CRLF
        wire::Failure failure;
    };
    struct Account {
        std::string login, secret, nonce;
        bool bearer = false;
        std::string host;
        unsigned port = 0;
    };

    ClientLogin(Account account, const ClientCapabilities& capabilities);

    // The first command, or why there is none.
    Step begin();
    Step challenged(std::string_view text);  // "+ text"
    Step answered(const ServerLine& line);   // its tagged response

  private:
    Step mechanism(std::string name, const std::string& message);
    Step begin_bearer();
    Step begin_plain();
    Step begin_login();
    Step scram_challenged(std::string_view text);

    Account account_;
    ClientCapabilities capabilities_;
    std::deque<std::string> lines_;  // what answers the next challenges, before anything else
    std::optional<wire::ScramClient> scram_;
    bool proven_ = false;       // by SCRAM's server
    bool responded_ = false;    // SCRAM's challenge is answered
    std::string farewell_;      // what answers a challenge that tells why a token failed
    std::string told_;          // by that challenge
};

}  // namespace mailhandler::imap
