#include "smtp/server_session.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace mailhandler::smtp {

namespace {

// Replies leave at the latest when this much has gathered, so that a peer who only sends commands
// cannot make us hoard.
constexpr std::size_t most_replies = 32 * 1024;

std::string in_words(std::chrono::seconds time) {
    const auto minutes = time.count() / 60;
    return minutes > 1 ? std::to_string(minutes) + " minutes"
                       : std::to_string(time.count()) + " seconds";
}

}  // namespace

wire::Place place(const Question& question) {
    struct Places {
        wire::Place operator()(const MayLogin&) const { return wire::Place::password; }
        wire::Place operator()(const Spill&) const { return wire::Place::disk; }
        wire::Place operator()(const Commit&) const { return wire::Place::disk; }
        wire::Place operator()(const MayConnect&) const { return wire::Place::network; }
        wire::Place operator()(const MayFrom&) const { return wire::Place::network; }
        wire::Place operator()(const MayTo&) const { return wire::Place::network; }
        wire::Place operator()(const Discard&) const { return wire::Place::network; }
    };
    return std::visit(Places(), question);
}

ServerSession::ServerSession(Settings settings, wire::Peer peer)
    : settings_(std::move(settings)), inbox_(settings_.command_line) {
    client_.peer = std::move(peer);
    put(Asked::connect, MayConnect());
}

void ServerSession::receive(std::string_view octets) {
    heard_ = true;
    // What comes in clear between 220 and the handshake is not the peer's (RFC 3207 section 4.2).
    if (stage_ >= Stage::start_tls) return;
    // Content goes where it will stay, past the inbox: the only copy it sees here.
    if (in_content() && asked_ == Asked::nothing && !question_ && inbox_.empty()) {
        octets.remove_prefix(take_content(octets));
    }
    if (!octets.empty()) inbox_.append(octets);
}

Action ServerSession::next(Instant now) {
    if (asked_ != Asked::nothing) throw std::logic_error("smtp: next() before the answer");
    if (std::exchange(heard_, false)) last_heard_ = now;
    for (;;) {
        if (std::exchange(discard_due_, false)) return ask(Asked::discard, Discard());
        if (question_) return ask(to_ask_, *std::exchange(question_, std::nullopt));
        if (out_.size() >= most_replies) return wire::Send{std::exchange(out_, {})};
        if (stage_ == Stage::closing || stage_ == Stage::start_tls) {
            if (!out_.empty()) return wire::Send{std::exchange(out_, {})};
            if (stage_ == Stage::closing) break;
            stage_ = Stage::handshake;
            return wire::StartTls();
        }
        if (stage_ == Stage::closed) break;
        if (stage_ == Stage::handshake) {  // it came to nothing
            stage_ = Stage::closed;
            return wire::Close{true};
        }
        if (step()) continue;
        if (eof_) {
            end_transaction();
            stage_ = Stage::closing;
            continue;
        }
        const Instant until = deadline(now);
        if (now >= until) {
            time_out();
            continue;
        }
        if (!out_.empty()) return wire::Send{std::exchange(out_, {})};
        return wire::Read{until};
    }
    stage_ = Stage::closed;
    return wire::Close();
}

// One line or one block of content. False when there is nothing to work on.
bool ServerSession::step() {
    switch (stage_) {
        case Stage::command:
            if (draining_ && !transaction_.begun) {
                hang_up("4.3.2", "is shutting down; please try again in a minute");
                return true;
            }
            return read_line();
        case Stage::auth_plain:
        case Stage::auth_name:
        case Stage::auth_password:
            return read_line();
        case Stage::data:
        case Stage::bdat:
            return take_pending();
        default:
            return false;
    }
}

bool ServerSession::read_line() {
    const std::optional<wire::Line> line = inbox_.next();
    if (!line) return false;
    began_.reset();
    const Stage dialogue = std::exchange(stage_, Stage::command);
    const bool login = dialogue != Stage::command;
    if (!line->crlf) {
        tainted_ = true;
        complain(500, "5.5.2", "A line must end in CRLF, this one had a bare LF");
    } else if (std::exchange(tainted_, false)) {
        // The rest of a line that was refused: nothing hidden behind a bare LF is obeyed.
    } else if (line->too_long) {
        complain(500, login ? "5.5.6" : "5.5.2",
                 "Line too long: at most " + std::to_string(settings_.command_line) + " octets");
    } else if (line->text.find('\0') != std::string_view::npos ||
               line->text.find('\r') != std::string_view::npos) {
        complain(500, "5.5.2", "A command cannot hold NUL or a bare CR");
    } else if (login) {
        continue_login(dialogue, line->text);
    } else {
        obey(parse_command(line->text));
    }
    return true;
}

bool ServerSession::take_pending() {
    if (stage_ == Stage::data && inbox_.empty()) return false;
    if (stage_ == Stage::bdat && inbox_.empty() && chunk_left_ > 0) return false;
    inbox_.consume(take_content(inbox_.pending()));
    return true;
}

Action ServerSession::ask(Asked asked, Question question) {
    asked_ = asked;
    return wire::Ask<Question>{std::move(question)};
}

void ServerSession::put(Asked asked, Question question) {
    question_ = std::move(question);
    to_ask_ = asked;
}

Instant ServerSession::deadline(Instant now) {
    const Instant idle = last_heard_ + settings_.idle;
    const bool content = in_content();
    if (!content && !inbox_.unfinished()) {
        began_.reset();
        return idle;
    }
    if (!began_) began_ = now;
    return std::min(idle, *began_ + (content ? settings_.content : settings_.line));
}

void ServerSession::time_out() {
    const auto patience = inbox_.unfinished() ? settings_.line : settings_.idle;
    hang_up("4.4.2", in_content() ? "gives up: the message did not come to its end in time"
                                  : "gives up: nothing complete came for " + in_words(patience));
}

void ServerSession::answer(Answer answer) {
    heard_ = true;  // the time we took ourselves is not the peer's
    const Asked asked = std::exchange(asked_, Asked::nothing);
    if (asked == Asked::nothing) throw std::logic_error("smtp: an answer without a question");
    if (asked == Asked::discard) return;
    if (asked == Asked::commit) return committed(answer);
    if (answer.replies.empty()) answer.replies.push_back(no_answer());
    Reply& reply = answer.replies.front();
    if (asked == Asked::spill) {
        if (!reply.positive()) fail_content(std::move(reply));
        return;
    }
    if (asked == Asked::connect) return answer_connect(std::move(reply));
    if (asked == Asked::from) {
        transaction_.begun = reply.positive();
    } else if (asked == Asked::to) {
        answer_to(reply);
    } else if (asked == Asked::login) {
        if (reply.positive()) client_.login = std::move(login_);
        login_.clear();
    }
    if (asked == Asked::login && !reply.positive()) {
        complain(reply);
    } else {
        say(reply);
    }
    if (reply.code == 421) {
        end_transaction();
        stage_ = Stage::closing;
    }
}

void ServerSession::answer_connect(Reply reply) {
    if (draining_) return hang_up("4.3.2", "is shutting down; please try again in a minute");
    if (!reply.positive()) {
        say(reply);
        stage_ = Stage::closing;
        return;
    }
    const char* protocol = settings_.service == Service::lmtp ? " LMTP " : " ESMTP ";
    say({220, "",
         settings_.hostname + protocol +
             (reply.text.empty() ? std::string("mailhandler") : reply.text)});
    stage_ = Stage::command;
}

void ServerSession::answer_to(const Reply& reply) {
    if (reply.positive()) {
        transaction_.touched = true;
        ++transaction_.accepted;
    } else {
        transaction_.envelope.recipients.pop_back();
    }
}

void ServerSession::secured(wire::TlsInfo info) {
    if (stage_ == Stage::connect) {  // TLS from the first octet
        client_.tls = std::move(info);
        return;
    }
    if (stage_ != Stage::handshake) throw std::logic_error("smtp: secured() without StartTls");
    // RFC 3207 section 4.2: everything learnt in clear is forgotten, EHLO first of all.
    client_.helo.clear();
    client_.esmtp = false;
    client_.login.clear();
    client_.tls = std::move(info);
    inbox_.clear();
    tainted_ = false;
    heard_ = true;
    stage_ = Stage::command;
}

void ServerSession::say(int code, const char* enhanced, std::string text) {
    write(out_, Reply{code, enhanced, std::move(text)});
}

void ServerSession::complain(const Reply& reply) {
    if (++errors_ > settings_.errors) return hang_up("4.7.0", "gives up: too many errors");
    say(reply);
}

void ServerSession::complain(int code, const char* enhanced, std::string text) {
    complain(Reply{code, enhanced, std::move(text)});
}

void ServerSession::hang_up(const char* enhanced, const std::string& text) {
    say(421, enhanced, settings_.hostname + ' ' + text);
    end_transaction();
    stage_ = Stage::closing;
}

void ServerSession::end_transaction() {
    if (transaction_.touched) discard_due_ = true;
    transaction_ = Transaction();
    chunk_refused_.reset();
}

bool ServerSession::may_log_in() const {
    return settings_.auth_offered && (secure() || client_.peer.loopback);
}

}  // namespace mailhandler::smtp
