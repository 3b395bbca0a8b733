#include "pop3/client_session.hpp"

#include <stdexcept>
#include <utility>

namespace mailhandler::pop3 {

namespace {

// Responses have at most 512 octets, and listings hold shorter lines still: be generous, but not
// without end.
constexpr std::size_t longest_line = 4096;
constexpr std::size_t longest_skipped = 1 << 20;

}  // namespace

ClientSession::ClientSession(ClientSettings settings, wire::Peer peer)
    : settings_(std::move(settings)), peer_(std::move(peer)), lines_(longest_line),
      secure_(peer_.secure) {}

void ClientSession::receive(std::string_view octets) {
    progress_ = true;
    unbroken_ += octets.size();
    lines_.append(octets);
}

// --- the loop ----------------------------------------------------------------------------

ClientAction ClientSession::next(Instant now) {
    for (;;) {
        if (ClientAction action; proceed(action)) return action;
        if (hear()) continue;
        if (!out_.empty()) return flush();
        if (eof_) {
            broken(where_it_ended());
        } else if (!progress_ && now >= deadline_) {
            broken("the server takes too long");
        } else {
            if (std::exchange(progress_, false))
                deadline_ =
                    now + (phase_ == Phase::greeting ? settings_.greeting : settings_.reply);
            return wire::Read{deadline_};
        }
    }
}

// What has to happen before more is heard. False: nothing.
bool ClientSession::proceed(ClientAction& action) {
    if (start_tls_) {
        if (!out_.empty()) {
            action = flush();
        } else {
            start_tls_ = false;
            action = wire::StartTls{};
        }
        return true;
    }
    if (std::exchange(listed_owed_, false)) {
        action = ask(Listed{listing_});
        return true;
    }
    if (phase_ == Phase::collecting) return collect(action);
    if (phase_ == Phase::ending) return end(action);
    return false;
}

ClientAction ClientSession::flush() { return wire::Send{std::exchange(out_, {})}; }

ClientAction ClientSession::ask(ClientQuestion question) {
    awaited_ = question.index();
    ClientAction action{std::in_place_type<wire::Ask<ClientQuestion>>};
    std::get<wire::Ask<ClientQuestion>>(action).question.swap(question);
    return action;
}

// Every command but those of the collection is sent when all is answered: what is here already
// was said by somebody else, or to mislead.
void ClientSession::send(std::string_view line, Phase phase) {
    if (!lines_.empty()) return broken("the server speaks before it is asked");
    out_ += line;
    out_ += "\r\n";
    phase_ = phase;
}

// Takes one step with what has come. False: more is needed.
bool ClientSession::hear() {
    if (phase_ == Phase::ending) return true;
    if (lines_.empty()) return false;
    if (collection_ && collection_->in_message()) {
        lines_.consume(collection_->receive(lines_.pending()));
        unbroken_ = 0;
        return true;
    }
    if (phase_ == Phase::collecting && collection_->idle()) {
        broken("the server speaks before it is asked");
        return true;
    }
    const auto line = lines_.next();
    if (!line) {
        if (unbroken_ <= longest_skipped) return false;
        broken("the server sends a line without end");
        return true;
    }
    unbroken_ = 0;
    const bool listing = phase_ == Phase::uidl_lines || phase_ == Phase::list_lines;
    if (line->too_long && listing)
        listing_line("(a line that is too long)");
    else if (line->too_long)
        broken("the server answers with a line that is too long");
    else
        hear_line(line->text);
    return true;
}

void ClientSession::hear_line(std::string_view line) {
    if (phase_ == Phase::capability_lines) return capability_line(line);
    if (phase_ == Phase::uidl_lines || phase_ == Phase::list_lines) return listing_line(line);
    if (phase_ == Phase::collecting) {
        if (!collection_->respond(line))
            broken("the server's answer is not understood: " + printable(line));
        return;
    }
    const Response response = parse_response(line);
    const bool challenge = response.indicator == Indicator::challenge && phase_ == Phase::login;
    if (response.indicator != Indicator::ok && response.indicator != Indicator::err && !challenge)
        return broken("the server's answer is not POP3: " + printable(line));
    switch (phase_) {
        case Phase::greeting: return greeted(response);
        case Phase::capabilities: return capability_status(response);
        case Phase::stls: return stls_answered(response);
        case Phase::login: return login_step(login_->respond(response));
        case Phase::uidl: return uidl_status(response);
        case Phase::list: return list_status(response);
        default: return goodbye(response);
    }
}

// --- failures ----------------------------------------------------------------------------

void ClientSession::fail(Failure failure) {
    phase_ = Phase::ending;
    if (std::exchange(failed_, true)) return;
    outcomes_.cause = std::move(failure.cause);
    outcomes_.temporary = failure.temporary;
    outcomes_.authentication = failure.authentication;
    out_.clear();
    start_tls_ = listed_owed_ = false;
    if (collection_) collection_->lost();
}

// A refusal that ends the run politely: nothing was deleted yet, so QUIT does no harm.
void ClientSession::refused(std::string_view doing, const Response& response, bool temporary) {
    std::string cause = std::string(doing) + ": " + printable(response.text);
    if (!response.code.empty()) cause += " [" + printable(response.code, 40) + "]";
    fail(Failure{std::move(cause), temporary && !has_code(response, "SYS/PERM"), false});
    out_ = "QUIT\r\n";
}

std::string ClientSession::where_it_ended() const {
    if (phase_ == Phase::greeting) return "the connection ended before a greeting";
    if (phase_ == Phase::quitting)
        return "the connection ended before the answer to QUIT: what was to be deleted may be "
               "there still";
    if (collection_ && collection_->in_message())
        return "the connection ended in the middle of a message";
    return "the connection ended unexpectedly";
}

void ClientSession::drain() {
    draining_ = true;
    if (collection_)
        stopped_ |= collection_->stop();
    else if (phase_ != Phase::ending)
        broken("stopped before the messages were listed");
}

// --- collecting --------------------------------------------------------------------------

// One step that is not hearing. False: responses are needed first.
bool ClientSession::collect(ClientAction& action) {
    const bool retrieved = collection_->retrieved();
    if (collection_->full() || (retrieved && collection_->gathered())) {
        settle_owed_ = true;
        action = ask(Received{collection_->take()});
        return true;
    }
    if (retrieved && std::exchange(settle_owed_, false)) {
        action = ask(Settle{true});
        return true;
    }
    if (retrieved && collection_->removed()) {
        send("QUIT", Phase::quitting);
        return false;
    }
    // Only once everything that came has been looked at: the window is what is under way.
    if (lines_.empty()) out_ += collection_->commands();
    if (out_.empty()) return false;
    action = flush();
    return true;
}

void ClientSession::goodbye(const Response& response) {
    if (response.indicator != Indicator::ok)
        return broken("the server did not delete everything: " + printable(response.text));
    outcomes_.deleted = collection_->marked();
    outcomes_.complete = !stopped_;
    if (stopped_) outcomes_.cause = "stopped before everything was fetched";
    phase_ = Phase::ending;
}

// What is complete is handed on and made durable, whatever became of the rest.
bool ClientSession::end(ClientAction& action) {
    if (collection_ && collection_->gathered()) {
        settle_owed_ = true;
        action = ask(Received{collection_->take()});
    } else if (std::exchange(settle_owed_, false)) {
        action = ask(Settle{});
    } else if (std::exchange(finished_owed_, false)) {
        if (collection_) collection_->count(outcomes_);
        action = ask(Finished{outcomes_});
    } else if (!out_.empty()) {
        action = flush();
    } else {
        action = wire::Close{};
    }
    return true;
}

// --- answers -----------------------------------------------------------------------------

void ClientSession::answer(ClientAnswer answer) {
    const auto asked = std::exchange(awaited_, std::nullopt);
    if (!asked || !wire::fits(*asked, answer.index()))
        throw std::logic_error("pop3: an answer that does not fit the question");
    progress_ = true;
    std::visit([this](auto&& given) { take(std::move(given)); }, std::move(answer));
}

void ClientSession::take(Plan plan) {
    draining_ |= plan.stop;
    collection_.emplace(settings_.window, listing_, std::move(plan), capabilities_.pipelining);
    if (draining_) stopped_ |= collection_->stop();
    settle_owed_ = collection_->removing();
    phase_ = Phase::collecting;
}

void ClientSession::take(Progress progress) {
    if (phase_ == Phase::ending) return;  // nothing more can be deleted
    collection_->remove(progress.remove);
    if (progress.stop) stopped_ |= collection_->stop();
}

}  // namespace mailhandler::pop3
