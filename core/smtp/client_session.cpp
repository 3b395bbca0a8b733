// The line to the server: commands go out, ahead of their replies where the server allows it; replies
// come in and find the command they answer.
#include "smtp/client_session.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

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
            return greet();
        case Expect::hello:
            return heard_hello(reply);
        case Expect::starttls:
            return heard_starttls(reply);
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

void ClientSession::want_message() {
    ready_ = true;
    question_ = WantMessage();
}

void ClientSession::secured(wire::TlsInfo) {
    if (stage_ != Stage::handshake) throw std::logic_error("smtp client: secured() unasked");
    stage_ = Stage::working;
    secure_ = true;
    touched_ = true;
    greet();
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
