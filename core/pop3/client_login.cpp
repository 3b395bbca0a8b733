#include "pop3/client_login.hpp"

#include "pop3/command.hpp"
#include "wire/sasl.hpp"

namespace mailhandler::pop3 {

namespace {

using Step = ClientLogin::Step;

Step failed(Failure failure) { return {Step::Kind::failed, {}, std::move(failure)}; }

bool one_line(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

}  // namespace

Failure judge_login(const Response& response, const Capabilities& capabilities) {
    Failure failure;
    failure.cause = "the server refuses the login: " + printable(response.text);
    if (!response.code.empty()) failure.cause += " [" + printable(response.code, 40) + "]";
    const bool wrong = has_code(response, "AUTH") ||
                       (response.code.empty() && !capabilities.auth_codes &&
                        !wire::speaks_of_later(response.text));
    failure.authentication = wrong;
    failure.temporary = !wrong && !has_code(response, "SYS/PERM");
    return failure;
}

ClientLogin::ClientLogin(Account account, const Capabilities& capabilities)
    : account_(std::move(account)), capabilities_(capabilities) {}

Step ClientLogin::send(std::string line, Waiting waiting) {
    waiting_ = waiting;
    return {Step::Kind::send, line + "\r\n", {}};
}

Step ClientLogin::begin() {
    if (account_.login.empty() || !one_line(account_.login) || !one_line(account_.secret))
        return failed({"the login or the password holds a line end or is empty", false, true});
    if (account_.bearer) return begin_bearer();
    if (!capabilities_.plain) return send("USER " + account_.login, Waiting::user);
    message_ = wire::base64_encode(wire::plain_message(account_.login, account_.secret));
    const std::string line = "AUTH PLAIN " + message_;
    // RFC 5034 section 4: an initial response that makes the line too long comes by itself.
    if (line.size() > line_limit - 2) return send("AUTH PLAIN", Waiting::response);
    return send(line, Waiting::verdict);
}

// A token is longer than a command line may be, so it is never an initial response.
Step ClientLogin::begin_bearer() {
    if (capabilities_.oauthbearer) {
        message_ = wire::oauthbearer_message(account_.login, account_.host, account_.port,
                                             account_.secret);
        farewell_ = wire::bearer_farewell;
    } else if (capabilities_.xoauth2) {
        message_ = wire::xoauth2_message(account_.login, account_.secret);
    } else {
        return failed({"the server takes no token: it offers neither OAUTHBEARER nor XOAUTH2",
                       false, false});
    }
    message_ = wire::base64_encode(message_);
    return send(capabilities_.oauthbearer ? "AUTH OAUTHBEARER" : "AUTH XOAUTH2", Waiting::response);
}

Step ClientLogin::respond(const Response& response) {
    if (response.indicator == Indicator::challenge && waiting_ == Waiting::response)
        return send(message_, Waiting::verdict);
    if (response.indicator == Indicator::challenge && account_.bearer && told_.empty()) {
        // Why the token is refused, as JSON in base64; the -ERR follows.
        told_ = wire::base64_decode(response.text).value_or(std::string(response.text)) + " ";
        return send(farewell_, Waiting::verdict);
    }
    if (response.indicator == Indicator::ok && waiting_ == Waiting::user)
        return send("PASS " + account_.secret, Waiting::verdict);
    if (response.indicator == Indicator::ok && waiting_ == Waiting::verdict)
        return {Step::Kind::done, {}, {}};
    if (response.indicator != Indicator::err)
        return failed({"the answer to the login is not understood: " + printable(response.text),
                       true, false});
    Failure failure = judge_login(response, capabilities_);
    if (!told_.empty()) failure.cause += " (" + printable(told_) + ")";
    return failed(std::move(failure));
}

}  // namespace mailhandler::pop3
