#include "pop3/server_session.hpp"

#include <algorithm>
#include <utility>

#include "pop3/response.hpp"

namespace mailhandler::pop3 {

namespace {

// Replies leave at the latest when so many octets have gathered here.
constexpr std::size_t reply_batch = 16 * 1024;
// What TOP counts for in a batch: its size is known to the owner only.
constexpr std::uint64_t top_octets = 8 * 1024;

}  // namespace

wire::Place place(const Question& question) {
    if (std::holds_alternative<MayLogin>(question)) return wire::Place::password;
    if (std::holds_alternative<MayConnect>(question))
        return wire::Place::network;
    return wire::Place::disk;
}

ServerSession::ServerSession(Settings settings, wire::Peer peer) : settings_(std::move(settings)) {
    client_.peer = std::move(peer);
}

// --- the loop ----------------------------------------------------------------------------

Action ServerSession::next(Instant now) {
    if (!begun_) {
        begun_ = true;
        login_by_ = now + settings_.login;
        ask(MayConnect{}, Awaited::connect);
    }
    for (;;) {
        if (out_.size() >= reply_batch) return flush();
        if (Action action; proceed(action)) return action;
        if (handle_line()) continue;
        if (!out_.empty()) return flush();
        if (eof_)
            leave({});
        else if (draining_)
            leave(err("SYS/TEMP", "the server is stopping, come back soon"));
        else if (timed_out(now))
            leave({});  // RFC 1939 section 3: no response, and nothing is removed
        else
            return wait(now);
    }
}

// What has to happen before another line is looked at. False: nothing.
bool ServerSession::proceed(Action& action) {
    while (content_ < contents_.size() && !body_) send_content();
    const bool waits = body_ || asking_ || start_tls_ || phase_ == Phase::leaving;
    if (waits && !out_.empty()) {
        action = flush();
    } else if (body_) {
        action = std::move(*body_);
        body_.reset();
    } else if (asking_) {
        action = ask_now();
    } else if (std::exchange(start_tls_, false)) {
        action = wire::StartTls{};
    } else if (phase_ == Phase::leaving) {
        action = say_goodbye();
    } else if (transaction_ && transaction_->listing()) {
        out_ += transaction_->next_lines();
        action = flush();
    } else {
        return false;
    }
    return true;
}

// The maildrop is free before the client hears that it may come again.
Action ServerSession::say_goodbye() {
    if (std::exchange(opened_, false)) {
        ask(Closed{}, Awaited::closed);
        return ask_now();
    }
    if (!farewell_.empty()) return wire::Send{std::exchange(farewell_, {})};
    return wire::Close{};
}

Action ServerSession::flush() { return wire::Send{std::exchange(out_, {})}; }

void ServerSession::ask(Question question, Awaited awaited) {
    question_ = std::move(question);
    awaited_ = awaited;
    asking_ = true;
}

Action ServerSession::ask_now() {
    asking_ = false;
    Action action{std::in_place_type<wire::Ask<Question>>};
    std::get<wire::Ask<Question>>(action).question.swap(question_);
    return action;
}

// False: there is no whole line.
bool ServerSession::handle_line() {
    if (held_over_) {
        const std::string line = *std::exchange(held_over_, std::nullopt);
        handle(line);
        return true;
    }
    const auto line = lines_.next();
    if (line && !line->too_long)
        handle(line->text);
    else if (line || (lines_.unfinished() && lines_.empty()))  // it need not end to be refused
        leave(err("the line is too long"));
    else
        return false;
    return true;
}

void ServerSession::handle(std::string_view line) {
    progress_ = true;
    if (authorization_.in_exchange()) return authorize(authorization_.response(line));
    const Command command = parse_command(line);
    if (line.size() > line_limit - 2 && command.verb != Verb::auth)
        leave(err("the line is too long"));
    else if (command.verb == Verb::capa)
        out_ += capabilities(privacy());
    else if (command.verb == Verb::quit)
        quit();
    else if (phase_ == Phase::authorization)
        authorize(authorization_.command(command, privacy()));
    else
        transact(command);
}

// Someone who talks without end before a login is late as well.
bool ServerSession::timed_out(Instant now) const {
    return (!progress_ && now >= deadline_) || (phase_ == Phase::authorization && now >= login_by_);
}

Action ServerSession::wait(Instant now) {
    if (std::exchange(progress_, false)) {
        deadline_ = phase_ == Phase::transaction ? now + settings_.idle
                                                 : std::min(now + settings_.login_idle, login_by_);
    }
    return wire::Read{deadline_};
}

void ServerSession::leave(std::string farewell) {
    phase_ = Phase::leaving;
    farewell_ = std::move(farewell);
}

void ServerSession::misunderstood(std::string reply) {
    if (++errors_ >= settings_.errors)
        leave(err("too many errors"));
    else
        out_ += reply;
}

void ServerSession::quit() {
    std::vector<std::uint32_t> marked;
    if (transaction_) marked = transaction_->marked();
    if (marked.empty())
        leave(ok("goodbye"));
    else
        ask(Remove{std::move(marked)}, Awaited::removed);
}

// --- authorization -----------------------------------------------------------------------

Privacy ServerSession::privacy() const {
    return {client_.peer.loopback, client_.peer.secure || client_.tls, settings_.tls_offered};
}

void ServerSession::authorize(Authorization::Step step) {
    using Kind = Authorization::Step::Kind;
    if (step.kind == Kind::mistake) return misunderstood(std::move(step.reply));
    out_ += step.reply;
    if (step.kind == Kind::utf8) client_.utf8 = true;
    if (step.kind == Kind::start_tls) {
        start_tls_ = true;
        lines_.clear();  // RFC 2595 section 4; what stands behind STLS was said by anybody
        client_.utf8 = false;
    }
    if (step.kind == Kind::login) {
        attempt_ = step.login;
        ask(MayLogin{std::move(step.login), std::move(step.password)}, Awaited::login);
    }
}

void ServerSession::secured(wire::TlsInfo info) {
    lines_.clear();
    progress_ = true;
    client_.tls = std::move(info);
}

// --- transaction -------------------------------------------------------------------------

void ServerSession::transact(const Command& command) {
    switch (command.verb) {
        case Verb::stat: out_ += transaction_->stat(); return;
        case Verb::noop: out_ += ok(); return;
        case Verb::rset: out_ += transaction_->rset(); return;
        case Verb::dele: out_ += transaction_->dele(command.argument); return;
        case Verb::list: return list(Transaction::List::sizes, command.argument);
        case Verb::uidl: return list(Transaction::List::uidls, command.argument);
        case Verb::retr:
        case Verb::top: break;
        case Verb::unknown: return misunderstood(err("no such command"));
        default: return misunderstood(err("you are logged in already"));
    }
    if (const auto one = wanted(command)) return load(*one);
    const auto top = parse_top(command.argument);
    if (command.verb == Verb::retr)
        out_ += transaction_->no_such_message(command.argument);
    else if (top)
        out_ += transaction_->no_such_message(std::to_string(top->number));
    else
        misunderstood(err("TOP needs a message number and a count of lines"));
}

void ServerSession::list(Transaction::List what, std::string_view argument) {
    out_ += argument.empty() ? transaction_->begin_list(what)
                             : transaction_->list_one(what, argument);
}

// What RETR or TOP asks for; nothing where there is no such message, or for another command.
std::optional<Wanted> ServerSession::wanted(const Command& command) const {
    std::string_view number = command.argument;
    std::optional<std::uint32_t> lines;
    if (command.verb == Verb::top) {
        const auto top = parse_top(number);
        if (!top) return std::nullopt;
        number = number.substr(0, number.find(' '));
        lines = top->lines;
    } else if (command.verb != Verb::retr) {
        return std::nullopt;
    }
    const auto index = transaction_->find(number);
    if (!index) return std::nullopt;
    return Wanted{*index, lines};
}

// Asks for a message and for those whose RETR or TOP follows at once: one question for a batch.
void ServerSession::load(Wanted first) {
    const auto cost = [this](const Wanted& one) {
        const std::uint64_t size = transaction_->maildrop().size(one.index);
        return one.lines ? std::min(size, top_octets) : size;
    };
    wanted_.assign(1, first);
    std::uint64_t octets = cost(first);
    while (wanted_.size() < settings_.batch && octets < settings_.batch_octets) {
        const auto line = lines_.next();
        if (!line) break;
        const auto one = line->too_long ? std::nullopt : wanted(parse_command(line->text));
        if (!one || octets + cost(*one) > settings_.batch_octets) {
            // Of a line that is too long only that is known, and said when its turn comes.
            held_over_ =
                line->too_long ? std::string(auth_line_limit, ' ') : std::string(line->text);
            break;
        }
        octets += cost(*one);
        wanted_.push_back(*one);
    }
    ask(Load{wanted_}, Awaited::contents);
}

}  // namespace mailhandler::pop3
