#include "scripted_owner.hpp"
#include "support/made_maildrop.hpp"

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
    auto maildrop = std::make_shared<test::MadeMaildrop>();
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

}  // namespace mailhandler::test
