// The client's side of a login: AUTH PLAIN with an initial response where it is offered, else USER
// and PASS; with an OAuth2 token OAUTHBEARER (RFC 7628) or XOAUTH2. Fed with responses, it says
// what to send next. Whether a secret may be sent at all is the session's decision.
#pragma once

#include <string>

#include "pop3/capability.hpp"
#include "pop3/response.hpp"

namespace mailhandler::pop3 {

using wire::Failure;

// What -ERR to a login means. [AUTH] is a wrong login; [IN-USE], [LOGIN-DELAY], [SYS/TEMP] pass by
// themselves. Without a code, a server that promised codes did not mean the login; of any other
// the words decide: talk of locks or of later is temporary, the rest is a wrong login.
Failure judge_login(const Response& response, const Capabilities& capabilities);

class ClientLogin {
  public:
    struct Step {
        enum class Kind { send, done, failed };
        Kind kind = Kind::send;
        std::string line;  // to send, with CRLF
        Failure failure;
    };

    struct Account {
        std::string login, secret;
        bool bearer = false;
        std::string host;
        unsigned port = 0;
    };

    ClientLogin(Account account, const Capabilities& capabilities);

    // The first line to send, or why there is none.
    Step begin();
    Step respond(const Response& response);

  private:
    enum class Waiting {
        user,      // for the answer to USER
        response,  // for the challenge that AUTH without an initial response brings
        verdict,
    };
    Step send(std::string line, Waiting waiting);
    Step begin_bearer();

    Account account_;
    Capabilities capabilities_;
    Waiting waiting_ = Waiting::verdict;
    std::string message_;       // of the mechanism, base64
    std::string farewell_;      // what answers a challenge that tells why a token failed
    std::string told_;          // by that challenge
};

}  // namespace mailhandler::pop3
