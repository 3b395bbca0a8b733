#include "run/rounds.hpp"

#include <cerrno>
#include <utility>

namespace mailhandler::run {

namespace {

// Everything is listed again after this long, for what is to be deleted by and by; sooner where
// something is left that may go into its mailbox then.
constexpr auto usual_rest = std::chrono::minutes(29);
constexpr auto short_rest = std::chrono::minutes(5);

}  // namespace

Fault busy_or(Fault fault) {
    if (fault.error != EWOULDBLOCK) return fault;
    return Fault{"", "is being collected by another process", true, EWOULDBLOCK};
}

wire::ClientAnswer Rounds::answer(wire::ClientQuestion question) {
    if (std::holds_alternative<wire::Resting>(question)) return rest();
    if (std::holds_alternative<wire::Resumed>(question)) {
        errand_ = standing_->errand();
        began_ = house_.clock.now();
        if (standing_->resting) standing_->resting(false);
        return wire::Done{};
    }
    const auto* finished = std::get_if<wire::Finished>(&question);
    if (finished && forgiving_ && finished->outcomes.authentication) {
        forgiven_ = true;
        return wire::Done{};
    }
    if (std::holds_alternative<wire::Listed>(question) && !retrieval_) {
        if (auto fault = begin()) {
            harvest_.emplace();
            harvest_->fault = std::move(fault);
            wire::Plan nothing;
            nothing.stop = true;
            return nothing;
        }
    }
    const bool over = finished != nullptr;
    if (!retrieval_) {
        if (over) return wire::Done{};
        return wire::Progress{};
    }
    wire::ClientAnswer answer = retrieval_->answer(std::move(question));
    if (over) finish();
    return answer;
}

std::optional<Fault> Rounds::begin() {
    auto begun = agent::Retrieval::begin(house_, std::move(*std::exchange(errand_, {})));
    if (!begun) return busy_or(begun.error());
    retrieval_ = std::move(*begun);
    return std::nullopt;
}

// A session that stays keeps no ledger while it waits.
void Rounds::finish() {
    harvest_ = retrieval_->harvest();
    harvest_->took = house_.clock.now() - began_;
    if (standing_) retrieval_.reset();
}

wire::ClientAnswer Rounds::rest() {
    Gain gain;
    if (harvest_) gain.harvest = std::move(*std::exchange(harvest_, {}));
    gain.rested = rested_ = true;
    if (standing_->done) standing_->done(gain);
    if (standing_->resting) standing_->resting(true);
    wire::Rest rest;
    rest.longest = gain.harvest.unfinished() ? short_rest : usual_rest;
    return rest;
}

Gain Rounds::last(const wire::Outcomes& session, const std::string& host) {
    Gain gain;
    gain.rested = rested_;
    if (harvest_)
        gain.harvest = std::move(*std::exchange(harvest_, {}));
    else if (retrieval_)
        gain.harvest = retrieval_->harvest();
    // It ended between two rounds, or before the first one.
    if (!gain.harvest.fault && !gain.harvest.braked && !session.complete && !session.cause.empty())
        gain.harvest.fault = Fault{host, session.cause, session.temporary, 0};
    gain.retrieval = std::move(retrieval_);
    return gain;
}

}  // namespace mailhandler::run
