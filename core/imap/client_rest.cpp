// Between two rounds: waiting for mail by IDLE (RFC 2177), or asking now and then by NOOP.
#include <algorithm>
#include <utility>

#include "imap/client_session.hpp"
#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

// Rounds in a row that found nothing, although the server had said that something came.
constexpr unsigned most_empty_rounds = 50;

}  // namespace

bool ClientSession::at_rest() const {
    return phase_ == Phase::resting || phase_ == Phase::idling || phase_ == Phase::polling;
}

// Nothing is owed to anybody: the server may speak, or time may pass.
bool ClientSession::waiting() const {
    return (phase_ == Phase::idling && idling_ && !done_said_) ||
           (phase_ == Phase::polling && flights_.empty());
}

void ClientSession::begin_rest(wire::ClientAction& action) {
    phase_ = Phase::resting;
    rested_ = true;
    // Of a large mailbox these are megabytes, and it may rest for days.
    collection_.reset();
    removal_.reset();
    listing_.reset();
    action = ask(wire::Resting{});
}

void ClientSession::take(wire::Rest rest) {
    longest_ = rest.longest;
    rest_until_.reset();
    fresh_rest_ = true;
}

Instant ClientSession::rest_until(Instant now) {
    if (std::exchange(fresh_rest_, false) && (!all_again_ || now + longest_ < *all_again_))
        all_again_ = now + longest_;
    if (!rest_until_) {
        const auto pause = phase_ == Phase::idling ? settings_.renew : settings_.poll;
        rest_until_ = std::min(now + pause, *all_again_);
    }
    return *rest_until_;
}

void ClientSession::time_is_up(Instant now) {
    if (all_again_ && now >= *all_again_) woken_ = true;
    rest_until_.reset();
    empty_rounds_ = 0;
    if (phase_ == Phase::idling)
        end_idle();
    else if (!woken_)
        send(Command::noop, "NOOP");
}

// One step of waiting. False: there is nothing to do but wait.
bool ClientSession::stay(wire::ClientAction& action) {
    const bool news = woken_ || exists_ > seen_exists_;
    if (phase_ == Phase::idling && !waiting()) return false;
    if (draining_) {
        if (phase_ == Phase::idling) out_ += "DONE\r\n";
        phase_ = Phase::ending;
        return end(action);
    }
    if (phase_ == Phase::polling && !flights_.empty()) return false;
    if (phase_ == Phase::idling) {
        if (news) end_idle();
        return false;
    }
    if (news) {
        if (empty_rounds_ > most_empty_rounds) {
            broken("the server tells of mail that is not there");
            return end(action);
        }
        action = ask(wire::Resumed{});
        return true;
    }
    if (phase_ == Phase::polling) return false;
    settle_in();
    return false;
}

void ClientSession::settle_in() {
    if (!capabilities_.idle) {
        phase_ = Phase::polling;
        return;
    }
    phase_ = Phase::idling;
    idling_ = done_said_ = false;
    send(Command::idle, "IDLE");
}

void ClientSession::end_idle() {
    done_said_ = true;
    out_ += "DONE\r\n";
}

void ClientSession::idle_ended(const ServerLine& line) {
    // It did not want to, or ended it by itself: it will be asked instead.
    if (line.status != ServerLine::Status::ok || !done_said_) capabilities_.idle = false;
    phase_ = Phase::resting;
    rest_until_.reset();
}

void ClientSession::polled() { phase_ = Phase::resting; }

// The next round, of everything or of what is new.
void ClientSession::take(wire::Done) {
    if (!at_rest()) return;  // of Finished
    const bool all = std::exchange(woken_, false);
    if (all) all_again_.reset();
    outcomes_ = {};
    settle_owed_ = false;
    finished_owed_ = true;
    if (draining_) return broken("stopped before the messages were listed");
    list(all ? 1 : next_uid_);
}

}  // namespace mailhandler::imap
