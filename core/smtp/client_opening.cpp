// From the greeting to the first message: EHLO and what it offers, STARTTLS, AUTH.
#include <algorithm>
#include <charconv>
#include <utility>

#include "smtp/client_session.hpp"
#include "smtp/command.hpp"
#include "wire/sasl.hpp"

namespace mailhandler::smtp {

// --- EHLO --------------------------------------------------------------------------------

void ClientSession::greet() {
    said_helo_ = false;
    say_hello(settings_.lmtp ? "LHLO" : "EHLO");
}

void ClientSession::say_hello(const char* verb) {
    command(std::string(verb) + ' ' + settings_.helo + "\r\n", Expect::hello);
}

void ClientSession::heard_hello(const Reply& reply) {
    if (!reply.positive() && reply.code != 421 && !settings_.lmtp && !said_helo_) {
        said_helo_ = true;
        return say_hello("HELO");
    }
    if (!reply.positive()) return fail("EHLO", reply);
    offers_ = Offers();
    std::size_t at = reply.text.find('\n');
    while (at != std::string::npos && !said_helo_) {
        const std::size_t end = reply.text.find('\n', at + 1);
        learn(std::string_view(reply.text)
                  .substr(at + 1, end == std::string::npos ? end : end - at - 1));
        at = end;
    }
    proceed();
}

void ClientSession::learn(std::string_view keyword) {
    const std::size_t blank = std::min(keyword.find(' '), keyword.size());
    const std::string_view name = keyword.substr(0, blank);
    std::string_view rest = keyword.substr(blank);
    const std::pair<std::string_view, bool*> flags[] = {{"PIPELINING", &offers_.pipelining},
                                                        {"CHUNKING", &offers_.chunking},
                                                        {"8BITMIME", &offers_.eight_bit},
                                                        {"SMTPUTF8", &offers_.utf8},
                                                        {"DSN", &offers_.dsn},
                                                        {"STARTTLS", &offers_.starttls},
                                                        {"SIZE", &offers_.size}};
    for (const auto& [flag, offered] : flags) {
        if (same_word(name, flag)) *offered = true;
    }
    if (same_word(name, "SIZE") && rest.size() > 1) {
        std::from_chars(rest.data() + 1, rest.data() + rest.size(), offers_.largest);
    }
    while (same_word(name, "AUTH") && rest.size() > 1) {
        rest.remove_prefix(1);
        const std::string_view mechanism = rest.substr(0, rest.find(' '));
        if (same_word(mechanism, "PLAIN")) offers_.plain = true;
        if (same_word(mechanism, "SCRAM-SHA-256")) offers_.scram = true;
        rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    }
}

// --- STARTTLS and AUTH -------------------------------------------------------------------

void ClientSession::proceed() {
    using Tls = ClientSettings::Tls;
    if (!secure_ && settings_.tls != Tls::none) {
        if (offers_.starttls) return command("STARTTLS\r\n", Expect::starttls);
        if (settings_.tls == Tls::required) {
            return fail("STARTTLS", {451, "4.7.0", "The server does not offer TLS"});
        }
    }
    if (settings_.login.empty()) {
        want_message();
    } else if (!secure_) {
        fail("AUTH", {451, "4.7.0", "A password is not sent without TLS"});
    } else {
        log_in();
    }
}

void ClientSession::heard_starttls(const Reply& reply) {
    if (reply.positive()) {
        inbox_.clear();
        stage_ = Stage::start_tls;
    } else if (settings_.tls == ClientSettings::Tls::required) {
        fail("STARTTLS", reply);
    } else {
        offers_.starttls = false;
        proceed();
    }
}

// With the best that the server offers and has not refused.
void ClientSession::log_in() {
    if (offers_.scram && !settings_.nonce.empty()) {
        scram_.emplace(settings_.login, settings_.password, settings_.nonce);
        command("AUTH SCRAM-SHA-256 " + wire::base64_encode(scram_->first()) + "\r\n",
                Expect::scram_challenge);
    } else if (!offers_.plain) {
        fail("AUTH", {451, "4.7.0", "The server does not offer AUTH PLAIN"});
    } else {
        const auto response = wire::plain_message(settings_.login, settings_.password);
        command("AUTH PLAIN " + wire::base64_encode(response) + "\r\n", Expect::auth);
    }
}

void ClientSession::heard_challenge(const Reply& reply) {
    const auto challenge = wire::base64_decode(reply.text);
    if (reply.code == 334 && !challenge) return give_up_login("The server's challenge is no base64");
    if (reply.code == 334) {
        const auto response = scram_->respond(*challenge);
        if (!response) return give_up_login(response.error().cause);
        return command(wire::base64_encode(*response) + "\r\n", Expect::scram_proof);
    }
    if (reply.code < 500 || !offers_.plain) return fail("AUTH", reply);
    offers_.scram = false;
    log_in();
}

void ClientSession::heard_proof(const Reply& reply) {
    if (reply.code != 334) return heard_challenge(reply);
    const auto proof = wire::base64_decode(reply.text);
    if (!proof) return give_up_login("The server's proof is no base64");
    if (const auto known = scram_->verify(*proof); !known) return give_up_login(known.error().cause);
    command("\r\n", Expect::auth);  // RFC 4954 section 4: nothing to add
}

// The server is broken, or not who it says it is.
void ClientSession::give_up_login(std::string why) {
    fail("AUTH", {451, "4.7.0", std::move(why)});
}

}  // namespace mailhandler::smtp
