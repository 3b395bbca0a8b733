#include "smtp/client_session.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "smtp/command.hpp"
#include "wire/sasl.hpp"

namespace mailhandler::smtp {

namespace {

// Commands sent ahead of their replies: few enough that replies and commands both fit in socket
// buffers while neither side reads (RFC 2920 section 3.1).
constexpr std::size_t most_ahead = 100;
constexpr std::size_t most_lines = 200;  // of one reply

bool digit(char c) { return c >= '0' && c <= '9'; }

// status-code = ("2"/"4"/"5") "." 1*3digit "." 1*3digit; takes it off the front of `text`.
std::string take_enhanced(std::string_view& text) {
    const std::string_view word = text.substr(0, text.find(' '));
    const auto dots = std::count(word.begin(), word.end(), '.');
    const bool good =
        word.size() >= 5 && word.size() <= 9 && dots == 2 && word[1] == '.' && digit(word.back()) &&
        std::all_of(word.begin(), word.end(), [](char c) { return digit(c) || c == '.'; });
    if (!good) return {};
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    return std::string(word);
}

}  // namespace

wire::Place place(const ClientQuestion&) { return wire::Place::disk; }

ClientSession::ClientSession(ClientSettings settings)
    : settings_(std::move(settings)), secure_(settings_.secure) {
    expected_.push_back({Expect::greeting});
}

void ClientSession::receive(std::string_view octets) {
    touched_ = true;
    // Replies that came in clear behind STARTTLS are nobody's (RFC 3207 section 4.2).
    if (stage_ != Stage::working) return;
    inbox_.append(octets);
}

ClientAction ClientSession::next(Instant now) {
    if (asked_) throw std::logic_error("smtp client: next() before the answer");
    if (std::exchange(touched_, false)) last_ = now;
    for (;;) {
        if (!output_.empty()) {
            touched_ = true;  // the time it takes to leave is not the server's
            ClientAction action = std::move(output_.front());
            output_.pop_front();
            return action;
        }
        if (question_) {
            asked_ = true;
            if (auto* outcome = std::get_if<Outcome>(&*question_))
                outcome->more = stage_ == Stage::working && !eof_;
            wire::Ask<ClientQuestion> ask{std::move(*question_)};
            question_.reset();
            return ask;
        }
        if (stage_ == Stage::closing) return wire::Close();
        if (stage_ == Stage::aborting) return wire::Close{true};
        if (stage_ == Stage::start_tls) {
            stage_ = Stage::handshake;
            return wire::StartTls();
        }
        if (stage_ == Stage::handshake) {
            fail("STARTTLS", {451, "4.7.0", "The TLS handshake failed"}, true);
        } else if (!step()) {
            if (eof_) {
                lose("The server closed the connection");
            } else if (const Instant until = last_ + patience(); now < until) {
                return wire::Read{until};
            } else {
                lose("The server did not answer in time");
            }
        }
    }
}

// Sends what may be sent, or reads one reply. False: there is nothing to do but wait.
bool ClientSession::step() {
    if (may_send()) {
        if (expected_.empty() && inbox_.unfinished()) {
            // An answer to nothing would be taken for the next command's, and all behind it.
            lose("The server spoke out of turn");
            return true;
        }
        std::string octets;
        while (may_send()) {
            octets += todo_.front().line;
            expected_.push_back(todo_.front().expected);
            todo_.pop_front();
        }
        output_.push_back(wire::Send{std::move(octets)});
        return true;
    }
    return read_reply();
}

bool ClientSession::may_send() const {
    if (todo_.empty()) return false;
    return expected_.empty() || (offers_.pipelining && expected_.size() < most_ahead);
}

bool ClientSession::read_reply() {
    const std::optional<wire::Line> line = inbox_.next();
    if (!line) return false;
    if (line->too_long || ++lines_ > most_lines || expected_.empty() || !take_line(line->text)) {
        lose("The server does not speak SMTP as we know it");
    }
    return true;
}

// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
bool ClientSession::take_line(std::string_view line) {
    int code = 0;
    const bool good = line.size() >= 3 && std::all_of(line.begin(), line.begin() + 3, digit) &&
                      (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!good) return false;
    std::from_chars(line.data(), line.data() + 3, code);
    if (code < 200 || code > 599 || (lines_ > 1 && code != reply_.code)) return false;
    const bool last = line.size() == 3 || line[3] == ' ';
    std::string_view text = line.substr(std::min<std::size_t>(line.size(), 4));
    std::string enhanced = take_enhanced(text);
    if (lines_ == 1) reply_ = {code, std::move(enhanced), {}};
    if (lines_ > 1) reply_.text += '\n';
    reply_.text += text;
    if (!last) return true;
    lines_ = 0;
    const Expected expected = expected_.front();
    expected_.pop_front();
    const Reply reply = sensible(expected.what, std::exchange(reply_, {}));
    heard(expected, reply);
    if (reply.code == 421 && stage_ == Stage::working) lose(reply.text);
    return true;
}

// A reply that is no answer to this command (250 to DATA, 354 to RCPT) is a temporary failure: what
// is not understood must never pass for success.
Reply ClientSession::sensible(Expect what, Reply reply) {
    const bool positive = what == Expect::data       ? reply.code == 354
                          : what == Expect::scram_challenge || what == Expect::scram_proof
                              ? reply.code == 334
                          : what == Expect::auth     ? reply.code == 235
                          : what == Expect::greeting ? reply.code == 220
                                                     : reply.code < 300;
    if (positive || !reply.positive()) return reply;
    return {451, "4.5.0", "Not an answer to the command: " + std::to_string(reply.code)};
}

void ClientSession::heard(const Expected& expected, const Reply& reply) {
    switch (expected.what) {
        case Expect::greeting:
            if (!reply.positive()) return fail("connect", reply);
            return say_hello(settings_.lmtp ? "LHLO" : "EHLO");
        case Expect::hello:
            return heard_hello(reply);
        case Expect::starttls:
            if (reply.positive()) {
                inbox_.clear();
                stage_ = Stage::start_tls;
            } else if (settings_.tls == ClientSettings::Tls::required) {
                fail("STARTTLS", reply);
            } else {
                offers_.starttls = false;
                proceed();
            }
            return;
        case Expect::scram_challenge:
            return heard_challenge(reply);
        case Expect::scram_proof:
            return heard_proof(reply);
        case Expect::auth:
            if (!reply.positive()) return fail("AUTH", reply);
            return want_message();
        case Expect::mail:
            return heard_mail(reply);
        case Expect::rcpt:
            return heard_rcpt(expected.recipient, reply);
        case Expect::data:
            return heard_data(reply);
        case Expect::message:
            return heard_message(reply);
        case Expect::rset:
            return;
        case Expect::quit:
            stage_ = Stage::closing;
            return;
    }
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

void ClientSession::want_message() {
    ready_ = true;
    question_ = WantMessage();
}

void ClientSession::secured(wire::TlsInfo) {
    if (stage_ != Stage::handshake) throw std::logic_error("smtp client: secured() unasked");
    stage_ = Stage::working;
    secure_ = true;
    touched_ = true;
    said_helo_ = false;
    say_hello(settings_.lmtp ? "LHLO" : "EHLO");
}

void ClientSession::answer(ClientAnswer answer) {
    if (!std::exchange(asked_, false)) throw std::logic_error("smtp client: an answer unasked");
    touched_ = true;
    if (stage_ != Stage::working) return;
    const bool told = std::exchange(message_, {}).has_value();  // its outcome
    if (answer.message) {
        begin(std::move(*answer.message));
    } else if (told) {
        want_message();
    } else {
        command("QUIT\r\n", Expect::quit);
    }
}

void ClientSession::command(std::string line, Expect what, std::size_t recipient) {
    todo_.push_back({std::move(line), {what, recipient}});
}

void ClientSession::say_hello(const char* verb) {
    command(std::string(verb) + ' ' + settings_.helo + "\r\n", Expect::hello);
}

void ClientSession::fail(std::string doing, Reply reply, bool handshake) {
    question_ = NoService{std::move(doing), std::move(reply), handshake};
    todo_.clear();
    stage_ = Stage::closing;
}

// The line is of no use any more: what is unanswered stays so.
void ClientSession::lose(const std::string& why) {
    const Reply reply{451, "4.4.2", why};
    todo_.clear();
    // A message must not be taken on that can no longer be sent.
    const bool wanting = question_ && std::holds_alternative<WantMessage>(*question_);
    if (wanting) question_.reset();
    if (message_ && !question_) {
        refuse_rest(reply);
        finish_message();
    } else if (!ready_ || wanting) {
        fail("connect", reply);
    }
    stage_ = Stage::aborting;
}

std::chrono::seconds ClientSession::patience() const {
    if (expected_.empty()) return settings_.reply;
    switch (expected_.front().what) {
        case Expect::data:
            return settings_.data;
        case Expect::message:
            return settings_.end;
        case Expect::quit:
            return settings_.goodbye;
        default:
            return settings_.reply;
    }
}

}  // namespace mailhandler::smtp
