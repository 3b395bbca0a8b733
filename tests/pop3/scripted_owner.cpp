#include "scripted_owner.hpp"

#include <sstream>

namespace mailhandler::test {

namespace {

std::string unescape_crlf(const std::string& text) {
    std::string octets;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'r' || text[i + 1] == 'n'))
            octets += text[++i] == 'r' ? '\r' : '\n';
        else
            octets += text[i];
    }
    return octets;
}

// "word rest" → word, and what is behind it.
std::pair<std::string, std::string> first_word(const std::string& text) {
    const std::size_t space = text.find(' ');
    return {text.substr(0, space), space == text.npos ? "" : text.substr(space + 1)};
}

pop3::Outcome outcome(const std::string& word, bool& known) {
    static const std::map<std::string, pop3::Outcome> words = {
        {"ok", pop3::Outcome::ok},
        {"refused", pop3::Outcome::refused},
        {"in_use", pop3::Outcome::in_use},
        {"temporary", pop3::Outcome::temporary},
        {"permanent", pop3::Outcome::permanent}};
    const auto found = words.find(word);
    known = found != words.end();
    return known ? found->second : pop3::Outcome::ok;
}

// The header, the empty line and `lines` lines of the body, as TOP wants it.
std::size_t top_of(const std::string& text, std::uint32_t lines) {
    std::size_t at = text.find("\r\n\r\n");
    if (at == text.npos) return text.size();
    at += 4;
    for (; lines > 0 && at < text.size(); --lines) {
        const std::size_t end = text.find("\r\n", at);
        at = end == text.npos ? text.size() : end + 2;
    }
    return at;
}

}  // namespace

pop3::Answer ScriptedServerOwner::answer(pop3::Question&& question) {
    if (std::holds_alternative<pop3::MayConnect>(question)) {
        log_.push_back("MayConnect");
        return verdict(log_.back());
    }
    if (auto* login = std::get_if<pop3::MayLogin>(&question)) {
        log_.push_back("MayLogin " + login->login + " " + login->password);
        return verdict(log_.back());
    }
    if (auto* open = std::get_if<pop3::Open>(&question)) {
        log_.push_back("Open " + open->login);
        return opened(log_.back());
    }
    if (auto* load = std::get_if<pop3::Load>(&question)) {
        pop3::Contents contents;
        for (const auto& wanted : load->wanted) contents.contents.push_back(content(wanted));
        return contents;
    }
    if (auto* remove = std::get_if<pop3::Remove>(&question)) {
        std::string text = "Remove";
        for (const auto index : remove->indexes) text += " " + std::to_string(index + 1);
        log_.push_back(text);
        const auto answers = dialog_.answers_to(text);
        if (answers.empty()) return pop3::Removed{};
        const auto [failed, why] = first_word(answers.front());
        return pop3::Removed{std::stoul(failed), why};
    }
    log_.push_back("Closed");
    open_ = false;
    return pop3::Verdict{};
}

pop3::Verdict ScriptedServerOwner::verdict(const std::string& description) const {
    const auto answers = dialog_.answers_to(description);
    if (answers.empty()) return {};
    const auto [word, text] = first_word(answers.front());
    bool known = false;
    return {outcome(word, known), unescape_crlf(text)};
}

pop3::Opened ScriptedServerOwner::opened(const std::string& description) {
    const auto answers = dialog_.answers_to(description);
    auto maildrop = std::make_shared<pop3::Maildrop>();
    for (const auto& line : answers) {
        const auto [word, text] = first_word(line);
        bool refused = false;
        const pop3::Outcome what = outcome(word, refused);
        if (refused) return {what, text, nullptr};
        messages_.push_back(unescape_crlf(text));
        maildrop->add(word, messages_.back().size());
    }
    const auto many = dialog_.number("many", 0);
    for (unsigned long long i = 0; i < many; ++i) {
        messages_.push_back("Subject: x\r\n\r\n");
        maildrop->add("uid-" + std::to_string(i), messages_.back().size());
    }
    open_ = true;
    return {pop3::Outcome::ok, "", maildrop};
}

pop3::Content ScriptedServerOwner::content(const pop3::Wanted& wanted) {
    const std::string number = std::to_string(wanted.index + 1);
    log_.push_back("Load " + number + (wanted.lines ? " " + std::to_string(*wanted.lines) : ""));
    const auto answers = dialog_.answers_to("Message " + number);
    if (!answers.empty()) {
        const auto [word, text] = first_word(answers.front());
        bool known = false;
        return {nullptr, 0, outcome(word, known), text};
    }
    const std::string& text = messages_.at(wanted.index);
    const std::size_t length = wanted.lines ? top_of(text, *wanted.lines) : text.size();
    return {std::make_shared<MemoryBody>(text), length, pop3::Outcome::ok, ""};
}

// --- the client's ------------------------------------------------------------------------

pop3::ClientAnswer ScriptedClientOwner::answer(pop3::ClientQuestion&& question) {
    if (finished_ > 0) broken_ = "it asks on after Finished";
    if (auto* listed = std::get_if<pop3::Listed>(&question)) return plan(*listed);
    if (auto* pieces = std::get_if<pop3::Received>(&question)) return received(*pieces);
    if (std::holds_alternative<pop3::Settle>(question)) {
        log_.push_back("Settle");
        settled_ = true;
        pop3::Progress progress;
        if (!dialog_.has("keep")) progress.remove = complete_;
        return progress;
    }
    finished(std::get<pop3::Finished>(question).outcomes);
    return pop3::Done{};
}

pop3::Plan ScriptedClientOwner::plan(const pop3::Listed& listed) {
    listing_ = listed.listing;
    std::string text = listing_->well_formed() ? "Listed" : "Listed badly";
    std::map<std::string, std::uint32_t> by_number;
    for (std::uint32_t i = 0; i < listing_->count(); ++i) {
        const auto& entry = (*listing_)[i];
        by_number[std::to_string(entry.number)] = i;
        text += " " + std::to_string(entry.number) + ":" + std::string(listing_->uidl(i)) + ":" +
                std::to_string(entry.size);
    }
    for (const auto index : listing_->repeated())
        text += " twice:" + std::to_string((*listing_)[index].number);
    log_.push_back(text);
    pop3::Plan plan;
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

pop3::Progress ScriptedClientOwner::received(const pop3::Received& received) {
    pop3::Progress progress;
    settled_ = false;
    if (received.pieces.empty()) broken_ = "it hands over nothing";
    for (const pop3::Piece& piece : received.pieces) {
        if (piece.first == in_message_) broken_ = "pieces that do not fit together";
        if (piece.first) message_.clear();
        message_ += piece.octets;
        in_message_ = piece.end == pop3::Piece::End::more;
        const std::string number = std::to_string((*listing_)[piece.index].number);
        switch (piece.end) {
            case pop3::Piece::End::more: break;
            case pop3::Piece::End::refused:
                log_.push_back("Refused " + number + " " + message_);
                break;
            case pop3::Piece::End::too_large:
                log_.push_back("Too large " + number);
                break;
            case pop3::Piece::End::complete:
                log_.push_back("Got " + number + " " + message_);
                complete_.push_back(piece.index);
                if (dialog_.has("eager")) progress.remove.push_back(piece.index);
        }
    }
    progress.stop = dialog_.has("stop") && complete_.size() >= dialog_.number("stop", 0);
    return progress;
}

std::string ScriptedClientOwner::numbers(const std::vector<std::uint32_t>& indexes) const {
    std::string text;
    for (const auto index : indexes) text += " " + std::to_string((*listing_)[index].number);
    return text;
}

void ScriptedClientOwner::finished(const pop3::Outcomes& outcomes) {
    ++finished_;
    if (!settled_) broken_ = "Finished before Settle";
    if (outcomes.fetched != complete_.size()) broken_ = "another count of messages";
    if (outcomes.complete) {
        log_.push_back("Complete");
    } else {
        const char* kind = outcomes.authentication ? "Login failed" : "Failed";
        log_.push_back(std::string(kind) + (outcomes.temporary ? " for now: " : " for good: ") +
                       outcomes.cause);
    }
    if (!outcomes.deleted.empty()) log_.push_back("Deleted" + numbers(outcomes.deleted));
    if (outcomes.not_deleted) log_.push_back("Not deleted " + std::to_string(outcomes.not_deleted));
    if (outcomes.wrong_size) log_.push_back("Wrong size " + std::to_string(outcomes.wrong_size));
}

std::string ScriptedClientOwner::unfinished() const {
    if (!broken_.empty()) return broken_;
    return finished_ == 1 ? "" : "Finished was not asked";
}

}  // namespace mailhandler::test
