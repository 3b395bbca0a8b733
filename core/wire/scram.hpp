// The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677): a login in which the password is not told,
// and after which the client knows that the server knew it too. Without channel binding.
//
//     ScramClient scram(login, password, nonce);
//     send base64(scram.first())              AUTHENTICATE SCRAM-SHA-256 …
//     send base64(*scram.respond(challenge))  challenge: decoded from base64
//     scram.verify(outcome)                   before the login counts as done
//
// A failure of respond() or verify() means that the other side is broken or not who it says it is:
// the login ends there, whatever it replies afterwards. Login and password are taken as they are:
// what is not ASCII is expected to be normalised UTF-8 (RFC 4013 maps it, this does not). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/sha256.hpp"

namespace mailhandler::wire {

class ScramClient {
  public:
    // Iterations a server may ask for at most: it is our time, on the thread that calls. RFC 7677
    // section 4 asks for 4096 at least; this many take about a tenth of a second.
    static constexpr std::uint32_t most_iterations = 100'000;

    // `nonce`: printable without a comma, at least 128 bits of chance: random_text(random, 25).
    ScramClient(std::string_view login, std::string password, std::string nonce);

    // client-first-message, RFC 5802 section 7. Not yet in base64, as all here.
    std::string first() const;
    // client-final-message for the server-first-message. Errors: permanent, with the reason.
    Result<std::string> respond(std::string_view server_first);
    // Whether the server-final-message proves that the server knows the password. Errors:
    // permanent; "e=…" of a server that refuses is told with its words.
    Result<> verify(std::string_view server_final) const;

  private:
    std::string password_, nonce_;
    std::string bare_;       // client-first-message-bare
    std::string signature_;  // what the server must show
};

}  // namespace mailhandler::wire
