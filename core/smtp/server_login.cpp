// AUTH (RFC 4954): PLAIN, and LOGIN for the many programs that know nothing else.
#include <utility>

#include "smtp/server_session.hpp"
#include "wire/sasl.hpp"

namespace mailhandler::smtp {

namespace {

// initial-response = base64 / "="
std::string_view initial(std::string_view response) {
    return response == "=" ? std::string_view() : response;
}

}  // namespace

void ServerSession::begin_login(const Command& command) {
    if (!settings_.auth_offered)
        return complain(502, "5.5.1", "There is nothing to log in to here");
    if (!may_log_in()) {
        return complain(538, "5.7.11", "Say STARTTLS first: passwords do not travel in clear");
    }
    if (client_.helo.empty()) return complain(503, "5.5.1", "Say EHLO first");
    if (!client_.login.empty()) return complain(503, "5.5.1", "You are logged in already");
    if (transaction_.begun) return complain(503, "5.5.1", "Not during a message");
    const std::size_t blank = command.argument.find(' ');
    const std::string_view mechanism = command.argument.substr(0, blank);
    const bool has_response = blank != std::string_view::npos;
    const std::string_view response =
        has_response ? command.argument.substr(blank + 1) : std::string_view();
    if (same_word(mechanism, "PLAIN")) {
        if (has_response) return take_plain(initial(response));
        say({334, "", ""});
        stage_ = Stage::auth_plain;
    } else if (same_word(mechanism, "LOGIN")) {
        if (has_response) return take_name(initial(response));
        say({334, "", wire::base64_encode("Username:")});
        stage_ = Stage::auth_name;
    } else if (mechanism.empty()) {
        complain(501, "5.5.4", "Write AUTH PLAIN");
    } else {
        complain(504, "5.5.4", "Only AUTH PLAIN and AUTH LOGIN are known here");
    }
}

void ServerSession::continue_login(Stage dialogue, std::string_view line) {
    if (line == "*") {
        login_.clear();
        return complain(501, "5.7.0", "Login cancelled");
    }
    if (dialogue == Stage::auth_plain) return take_plain(line);
    if (dialogue == Stage::auth_name) return take_name(line);
    take_password(line);
}

void ServerSession::take_plain(std::string_view base64) {
    const auto message = wire::base64_decode(base64);
    auto plain = message ? wire::parse_plain(*message) : std::nullopt;
    if (!plain) return complain(501, "5.5.2", "That is not a PLAIN response in base64");
    if (!plain->authorize.empty() && plain->authorize != plain->login) {
        return complain(535, "5.7.8", "Nobody may act for somebody else here");
    }
    try_login(std::move(plain->login), std::move(plain->password));
}

void ServerSession::take_name(std::string_view base64) {
    auto name = wire::base64_decode(base64);
    if (!name || name->empty()) return complain(501, "5.5.2", "That is not a name in base64");
    login_ = std::move(*name);
    say({334, "", wire::base64_encode("Password:")});
    stage_ = Stage::auth_password;
}

void ServerSession::take_password(std::string_view base64) {
    auto password = wire::base64_decode(base64);
    std::string login = std::exchange(login_, {});
    // The same bounds as PLAIN has, by the same code.
    const auto plain = wire::parse_plain(wire::plain_message(login, password.value_or("")));
    if (!plain) return complain(501, "5.5.2", "That is not a password in base64");
    try_login(std::move(login), std::move(*password));
}

void ServerSession::try_login(std::string login, std::string password) {
    login_ = login;
    put(Asked::login, MayLogin{std::move(login), std::move(password)});
}

}  // namespace mailhandler::smtp
