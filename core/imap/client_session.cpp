#include "imap/client_session.hpp"

#include <stdexcept>
#include <utility>

#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

// A SEARCH of a large mailbox is one line; everything else is far shorter.
constexpr std::size_t longest_line = 1 << 20;

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

wire::ClientAction ClientSession::next(Instant now) {
    for (;;) {
        if (wire::ClientAction action; proceed(action)) return action;
        if (hear()) continue;
        if (!out_.empty()) return wire::Send{std::exchange(out_, {})};
        if (eof_) {
            broken(where_it_ended());
        } else if (waiting()) {
            const Instant until = rest_until(now);
            if (now < until) return wire::Read{until, true};
            time_is_up(now);
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
bool ClientSession::proceed(wire::ClientAction& action) {
    if (start_tls_ || start_deflate_) {
        if (!out_.empty()) {
            action = wire::Send{std::exchange(out_, {})};
        } else if (std::exchange(start_tls_, false)) {
            action = wire::StartTls{};
        } else {
            start_deflate_ = false;
            action = wire::StartDeflate{};
            select();
        }
        return true;
    }
    if (std::exchange(listed_owed_, false)) {
        action = ask(wire::Listed{listing_});
        return true;
    }
    switch (phase_) {
        case Phase::collecting: return collect(action);
        case Phase::removing: return remove(action);
        case Phase::resting:
        case Phase::idling:
        case Phase::polling: return stay(action);
        case Phase::ending: return end(action);
        default: return false;
    }
}

wire::ClientAction ClientSession::ask(wire::ClientQuestion question) {
    awaited_ = question.index();
    wire::ClientAction action{std::in_place_type<wire::Ask<wire::ClientQuestion>>};
    std::get<wire::Ask<wire::ClientQuestion>>(action).question.swap(question);
    return action;
}

void ClientSession::send(Command command, std::string_view text) {
    flights_.push_back({++tags_, command});
    out_ += 'a' + std::to_string(tags_) + ' ';
    out_.append(text).append("\r\n");
}

// --- failures ----------------------------------------------------------------------------

void ClientSession::fail(wire::Failure failure) {
    phase_ = Phase::ending;
    if (std::exchange(failed_, true)) return;
    // While it rests, the round before has its outcome told already.
    if (!finished_owed_) outcomes_ = {};
    outcomes_.complete = false;
    outcomes_.cause = std::move(failure.cause);
    outcomes_.temporary = failure.temporary;
    outcomes_.authentication = failure.authentication;
    out_.clear();
    start_tls_ = start_deflate_ = listed_owed_ = false;
    if (collection_) collection_->lost();
}

// A refusal that ends the session politely.
void ClientSession::refused(std::string_view doing, const ServerLine& line, bool temporary) {
    std::string cause = std::string(doing) + ": " + wire::printable(line.text);
    if (!line.code.empty()) cause += " [" + wire::printable(line.code, 40) + "]";
    fail({std::move(cause), temporary, false});
    out_ = "a0 LOGOUT\r\n";
}

std::string ClientSession::where_it_ended() const {
    if (phase_ == Phase::greeting) return "the connection ended before a greeting";
    if (phase_ == Phase::removing)
        return "the connection ended before the answer to EXPUNGE: what was to be deleted may be "
               "there still";
    if (collection_ && collection_->in_body())
        return "the connection ended in the middle of a message";
    return "the connection ended unexpectedly";
}

void ClientSession::drain() {
    draining_ = true;
    if (phase_ == Phase::collecting || phase_ == Phase::removing) {
        if (collection_->stop()) stopped_ = true;
    } else if (phase_ != Phase::ending && !at_rest()) {
        broken("stopped before the messages were listed");
    }
}

// --- a round -----------------------------------------------------------------------------

// One step that is not hearing. False: responses are needed first.
bool ClientSession::collect(wire::ClientAction& action) {
    const bool retrieved = collection_->retrieved();
    if (collection_->full() || (retrieved && collection_->gathered())) {
        settle_owed_ = true;
        action = ask(wire::Received{collection_->take()});
        return true;
    }
    if (retrieved && std::exchange(settle_owed_, false)) {
        action = ask(wire::Settle{true});
        return true;
    }
    if (retrieved) {
        phase_ = Phase::removing;
        return remove(action);
    }
    for (;;) {
        const std::string set = collection_->next_set(tags_ + 1);
        if (set.empty()) break;
        send(Command::fetch, "UID FETCH " + set + ' ' + std::string(collection_->items()));
    }
    if (out_.empty()) return false;
    action = wire::Send{std::exchange(out_, {})};
    return true;
}

bool ClientSession::remove(wire::ClientAction& action) {
    using Kind = ClientRemoval::Command::Kind;
    for (const ClientRemoval::Command& command : removal_->commands())
        send(command.kind == Kind::search ? Command::search : Command::remove, command.text);
    if (!out_.empty()) {
        action = wire::Send{std::exchange(out_, {})};
        return true;
    }
    if (!removal_->done()) return false;
    outcomes_.complete = !stopped_;
    if (stopped_) outcomes_.cause = "stopped before everything was fetched";
    phase_ = Phase::ending;
    return end(action);
}

// What is complete is handed on and made durable, whatever became of the rest.
bool ClientSession::end(wire::ClientAction& action) {
    if (collection_ && collection_->gathered()) {
        settle_owed_ = true;
        action = ask(wire::Received{collection_->take()});
    } else if (std::exchange(settle_owed_, false)) {
        action = ask(wire::Settle{});
    } else if (std::exchange(finished_owed_, false)) {
        if (collection_) collection_->count(outcomes_);
        if (removal_) removal_->count(outcomes_);
        action = ask(wire::Finished{outcomes_});
    } else if (settings_.idle && outcomes_.complete && !failed_ && !draining_) {
        begin_rest(action);
    } else if (!failed_ && !std::exchange(farewell_said_, true)) {
        // Its answer changes nothing, and is not waited for.
        out_ += "a0 LOGOUT\r\n";
        action = wire::Send{std::exchange(out_, {})};
    } else if (!out_.empty()) {
        action = wire::Send{std::exchange(out_, {})};
    } else {
        action = wire::Close{};
    }
    return true;
}

// --- answers -----------------------------------------------------------------------------

void ClientSession::answer(wire::ClientAnswer answer) {
    const auto asked = std::exchange(awaited_, std::nullopt);
    if (!asked || !wire::fits(*asked, answer.index()))
        throw std::logic_error("imap: an answer that does not fit the question");
    progress_ = true;
    std::visit([this](auto&& given) { take(std::move(given)); }, std::move(answer));
}

void ClientSession::take(wire::Plan plan) {
    if (phase_ == Phase::ending) return;
    draining_ |= plan.stop;
    stopped_ |= plan.stop;
    collection_.emplace(settings_.window, listing_, plan);
    removal_.emplace(listing_, capabilities_.uidplus, read_only_ ? "the mailbox is read-only" : "");
    removal_->add(plan.remove);
    if (draining_ && collection_->stop()) stopped_ = true;
    settle_owed_ = removal_->wanted();
    phase_ = Phase::collecting;
}

void ClientSession::take(wire::Progress progress) {
    if (phase_ == Phase::ending) return;  // nothing more can be deleted
    removal_->add(progress.remove);
    if (!progress.stop) return;
    stopped_ = true;
    collection_->stop();
}

}  // namespace mailhandler::imap
