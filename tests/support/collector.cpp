#include "support/collector.hpp"

#include <map>
#include <sstream>

namespace mailhandler::test {

wire::ClientAnswer ScriptedCollector::answer(wire::ClientQuestion&& question) {
    if (std::holds_alternative<wire::Resting>(question)) return rest();
    if (std::holds_alternative<wire::Resumed>(question)) {
        log_.push_back("Resumed");
        if (!resting_) broken_ = "it resumes without a rest";
        resting_ = false;
        return wire::Done{};
    }
    if (finished_ || resting_) broken_ = "it asks on after Finished";
    if (auto* listed = std::get_if<wire::Listed>(&question)) return plan(*listed);
    if (auto* pieces = std::get_if<wire::Received>(&question)) return received(*pieces);
    if (std::holds_alternative<wire::Settle>(question)) {
        log_.push_back("Settle");
        settled_ = true;
        wire::Progress progress;
        if (!dialog_.has("keep")) progress.remove = complete_;
        return progress;
    }
    finished(std::get<wire::Finished>(question).outcomes);
    return wire::Done{};
}

// A new round begins with nothing.
wire::ClientAnswer ScriptedCollector::rest() {
    log_.push_back("Resting");
    if (!finished_) broken_ = "it rests before Finished";
    resting_ = true;
    finished_ = false;
    complete_.clear();
    wire::Rest rest;
    const auto answers = dialog_.answers_to("Resting");
    if (!answers.empty()) rest.longest = std::chrono::seconds(std::stoi(answers.front()));
    return rest;
}

wire::Plan ScriptedCollector::plan(const wire::Listed& listed) {
    listing_ = listed.listing;
    std::string text = listing_->well_formed() ? "Listed" : "Listed badly";
    std::map<std::string, std::uint32_t> by_number;
    for (std::uint32_t i = 0; i < listing_->count(); ++i) {
        const std::string number = std::to_string(listing_->number(i));
        by_number[number] = i;
        text += " " + number + ":" + listing_->uid(i) + ":" + std::to_string(listing_->size(i));
    }
    for (const auto index : listing_->repeated())
        text += " twice:" + std::to_string(listing_->number(index));
    log_.push_back(text);
    wire::Plan plan;
    plan.headers_only = dialog_.has("headers");
    const auto answers = dialog_.answers_to("Listed");
    if (answers.empty()) {
        for (std::uint32_t i = 0; i < listing_->count(); ++i) plan.fetch.push_back(i);
        return plan;
    }
    std::istringstream words(answers.front());
    std::vector<std::uint32_t>* into = &plan.fetch;
    for (std::string word; words >> word;) {
        if (word == "fetch" || word == "remove")
            into = word == "fetch" ? &plan.fetch : &plan.remove;
        else
            into->push_back(by_number.at(word));
    }
    return plan;
}

wire::Progress ScriptedCollector::received(const wire::Received& received) {
    wire::Progress progress;
    settled_ = false;
    if (received.pieces.empty()) broken_ = "it hands over nothing";
    for (const wire::Piece& piece : received.pieces) {
        if (piece.first == in_message_) broken_ = "pieces that do not fit together";
        if (piece.first) message_.clear();
        message_ += piece.octets;
        in_message_ = piece.end == wire::Piece::End::more;
        if (!in_message_ && piece.index >= listing_->count()) broken_ = "it names no message";
        const std::string number =
            in_message_ ? "" : std::to_string(listing_->number(piece.index));
        switch (piece.end) {
            case wire::Piece::End::more: break;
            case wire::Piece::End::refused:
                log_.push_back("Refused " + number + " " + message_);
                break;
            case wire::Piece::End::too_large:
                log_.push_back("Too large " + number);
                break;
            case wire::Piece::End::gone:
                log_.push_back("Gone " + number);
                break;
            case wire::Piece::End::complete:
                log_.push_back("Got " + number + " " + message_);
                complete_.push_back(piece.index);
                if (dialog_.has("eager")) progress.remove.push_back(piece.index);
        }
    }
    progress.stop = dialog_.has("stop") && complete_.size() >= dialog_.number("stop", 0);
    return progress;
}

std::string ScriptedCollector::numbers(const std::vector<std::uint32_t>& indexes) const {
    std::string text;
    for (const auto index : indexes) text += " " + std::to_string(listing_->number(index));
    return text;
}

void ScriptedCollector::finished(const wire::Outcomes& outcomes) {
    finished_ = true;
    if (!settled_) broken_ = "Finished before Settle";
    if (outcomes.fetched != complete_.size()) broken_ = "another count of messages";
    if (outcomes.complete) {
        log_.push_back("Complete");
    } else {
        const char* kind = outcomes.authentication ? "Login failed" : "Failed";
        log_.push_back(std::string(kind) + (outcomes.temporary ? " for now: " : " for good: ") +
                       outcomes.cause);
    }
    for (const std::string& note : outcomes.notes) log_.push_back("Note " + note);
    if (!outcomes.deleted.empty()) log_.push_back("Deleted" + numbers(outcomes.deleted));
    if (outcomes.not_deleted)
        log_.push_back("Not deleted " + std::to_string(outcomes.not_deleted) +
                       (outcomes.why_not.empty() ? "" : " " + outcomes.why_not));
    if (outcomes.wrong_size) log_.push_back("Wrong size " + std::to_string(outcomes.wrong_size));
}

std::string ScriptedCollector::unfinished() const {
    if (!broken_.empty()) return broken_;
    return finished_ || resting_ ? "" : "Finished was not asked";
}

}  // namespace mailhandler::test
