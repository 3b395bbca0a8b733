#include "imap/client_login.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/sasl.hpp"

namespace mailhandler::imap {

namespace {

using Step = ClientLogin::Step;
using Kind = ClientLogin::Step::Kind;

// A command line that every server takes, RFC 7162 section 4; a longer response comes by itself.
constexpr std::size_t longest_command = 8000;

Step failed(wire::Failure failure) { return {Kind::failed, {}, std::move(failure)}; }

bool one_line(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

bool any_of(const ServerLine& line, std::initializer_list<const char*> codes) {
    return std::any_of(codes.begin(), codes.end(),
                       [&](const char* code) { return code_argument(line, code).has_value(); });
}

}  // namespace

wire::Failure judge_login(const ServerLine& line) {
    wire::Failure failure;
    failure.cause = "the server refuses the login: " + wire::printable(line.text);
    if (!line.code.empty()) failure.cause += " [" + wire::printable(line.code, 40) + "]";
    if (line.status != ServerLine::Status::no) return failure;  // BAD: not understood
    const bool later = any_of(line, {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA"});
    const bool policy = any_of(line, {"PRIVACYREQUIRED", "CONTACTADMIN", "NOPERM"});
    failure.authentication = !later && !policy && !wire::speaks_of_later(line.text);
    if (any_of(line, {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"}))
        failure.authentication = true;
    failure.temporary = !failure.authentication && !policy;
    return failure;
}

ClientLogin::ClientLogin(Account account, const ClientCapabilities& capabilities)
    : account_(std::move(account)), capabilities_(capabilities) {}

Step ClientLogin::begin() {
    if (account_.login.empty() || !one_line(account_.login) || !one_line(account_.secret))
        return failed({"the login or the password holds a line end or is empty", false, true});
    if (account_.bearer) return begin_bearer();
    if (!capabilities_.scram_sha256) return begin_plain();
    scram_.emplace(account_.login, account_.secret, account_.nonce);
    return mechanism("SCRAM-SHA-256", scram_->first());
}

Step ClientLogin::mechanism(std::string name, const std::string& message) {
    std::string encoded = wire::base64_encode(message);
    std::string command = "AUTHENTICATE " + std::move(name);
    if (capabilities_.sasl_ir && encoded.size() < longest_command) {
        command += ' ' + encoded;
    } else {
        lines_.push_back(std::move(encoded));
    }
    return {Kind::command, std::move(command), {}};
}

Step ClientLogin::begin_bearer() {
    if (capabilities_.oauthbearer) {
        farewell_ = wire::bearer_farewell;
        return mechanism("OAUTHBEARER",
                         wire::oauthbearer_message(account_.login, account_.host, account_.port,
                                                   account_.secret));
    }
    if (capabilities_.xoauth2)
        return mechanism("XOAUTH2", wire::xoauth2_message(account_.login, account_.secret));
    return failed({"the server takes no token: it offers neither OAUTHBEARER nor XOAUTH2", false,
                   false});
}

Step ClientLogin::begin_plain() {
    if (capabilities_.plain)
        return mechanism("PLAIN", wire::plain_message(account_.login, account_.secret));
    if (!capabilities_.login_disabled) return begin_login();
    return failed({"the server takes no password: it offers neither PLAIN nor LOGIN", false, false});
}

// login = "LOGIN" SP userid SP password, both as literals: no character needs to be quoted
Step ClientLogin::begin_login() {
    lines_.push_back(account_.login + " {" + std::to_string(account_.secret.size()) + '}');
    lines_.push_back(account_.secret);
    return {Kind::command, "LOGIN {" + std::to_string(account_.login.size()) + '}', {}};
}

Step ClientLogin::challenged(std::string_view text) {
    if (!lines_.empty()) {
        Step step{Kind::line, std::move(lines_.front()), {}};
        lines_.pop_front();
        return step;
    }
    if (scram_) return scram_challenged(text);
    if (account_.bearer && told_.empty()) {
        // Why the token is refused, as JSON in base64; NO follows.
        told_ = wire::base64_decode(text).value_or(std::string(text)) + " ";
        return {Kind::line, farewell_, {}};
    }
    return failed({"the server asks for more than a login has: " + wire::printable(text), true,
                   false});
}

Step ClientLogin::scram_challenged(std::string_view text) {
    const std::string message = wire::base64_decode(text).value_or("");
    if (responded_) {
        const auto proof = proven_ ? Result<>() : scram_->verify(message);
        if (!proof) return failed({proof.error().text(), false, true});
        proven_ = true;
        return {Kind::line, "", {}};
    }
    auto final = scram_->respond(message);
    if (!final) return failed({final.error().text(), false, true});
    responded_ = true;
    return {Kind::line, wire::base64_encode(*final), {}};
}

Step ClientLogin::answered(const ServerLine& line) {
    if (line.status == ServerLine::Status::ok) {
        if (scram_ && !proven_)
            return failed({"SCRAM-SHA-256: the server lets us in without proof that it knows the "
                           "password: it may not be ours",
                           false, true});
        return {Kind::done, {}, {}};
    }
    wire::Failure failure = judge_login(line);
    if (std::exchange(scram_, {}) && !failure.temporary) {
        lines_.clear();
        return begin_plain();
    }
    if (!told_.empty()) failure.cause += " (" + wire::printable(told_) + ")";
    return failed(std::move(failure));
}

}  // namespace mailhandler::imap
