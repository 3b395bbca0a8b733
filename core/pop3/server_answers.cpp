// What becomes of the owner's answers: the other half of server_session.cpp.
#include <stdexcept>
#include <utility>

#include "pop3/response.hpp"
#include "pop3/server_session.hpp"

namespace mailhandler::pop3 {

namespace {

// The -ERR that tells what the owner refused; `otherwise` where it gave no words.
std::string refusal(Outcome outcome, const std::string& text, std::string_view otherwise) {
    std::string_view code;
    switch (outcome) {
        case Outcome::ok: break;
        case Outcome::refused: code = "AUTH"; break;
        case Outcome::in_use: code = "IN-USE"; break;
        case Outcome::temporary: code = "SYS/TEMP"; break;
        case Outcome::permanent: code = "SYS/PERM"; break;
    }
    return err(code, text.empty() ? otherwise : std::string_view(text));
}

}  // namespace

void ServerSession::answer(Answer answer) {
    progress_ = true;
    std::visit([this](auto&& given) { take(std::move(given)); }, std::move(answer));
}

void ServerSession::expect(Awaited awaited) {
    if (asking_ || std::exchange(awaited_, Awaited::nothing) != awaited)
        throw std::logic_error("pop3: an answer that does not fit the question");
}

void ServerSession::take(Verdict verdict) {
    const Awaited awaited = awaited_;
    if (awaited == Awaited::connect) {
        expect(awaited);
        greet(verdict);
    } else if (awaited == Awaited::closed) {
        expect(awaited);
    } else {
        expect(Awaited::login);
        judge(verdict);
    }
}

void ServerSession::greet(const Verdict& verdict) {
    if (verdict.outcome != Outcome::ok)
        return leave(refusal(verdict.outcome, verdict.text, "not now"));
    phase_ = Phase::authorization;
    out_ += ok(verdict.text.empty() ? settings_.hostname + " POP3" : verdict.text);
}

void ServerSession::judge(const Verdict& verdict) {
    if (verdict.outcome == Outcome::ok) {
        client_.login = std::move(attempt_);
        return ask(Open{client_.login}, Awaited::open);
    }
    std::string reply = refusal(verdict.outcome, verdict.text, "the login is refused");
    if (verdict.outcome == Outcome::refused && ++refused_logins_ >= settings_.refused_logins)
        leave(std::move(reply));
    else
        out_ += reply;
}

void ServerSession::take(Opened opened) {
    expect(Awaited::open);
    if (opened.outcome != Outcome::ok) {
        client_.login.clear();
        out_ += refusal(opened.outcome, opened.text, "the maildrop cannot be opened");
        return;
    }
    if (!opened.maildrop) throw std::logic_error("pop3: an open maildrop without a list");
    opened_ = true;
    transaction_.emplace(std::move(opened.maildrop));
    phase_ = Phase::transaction;
    out_ += transaction_->welcome();
}

void ServerSession::take(Contents contents) {
    expect(Awaited::contents);
    if (contents.contents.size() != wanted_.size())
        throw std::logic_error("pop3: not one content for each message asked for");
    contents_ = std::move(contents.contents);
    content_ = 0;
}

void ServerSession::take(Removed removed) {
    expect(Awaited::removed);
    if (removed.failed == 0) return leave(ok("goodbye"));
    std::string text = std::to_string(removed.failed) + " messages could not be removed";
    if (!removed.text.empty()) text += ": " + removed.text;
    leave(err("SYS/TEMP", text));
}

// The reply for the next message of the batch; its body, where there is one, follows.
void ServerSession::send_content() {
    Content content = std::move(contents_[content_]);
    const Wanted one = wanted_[content_];
    if (++content_ == contents_.size()) {
        contents_.clear();
        content_ = 0;
    }
    if (!content.body) {
        const std::string_view otherwise = content.outcome == Outcome::ok
                                               ? "the message is no longer there"
                                               : "the message cannot be read";
        out_ += refusal(content.outcome, content.text, otherwise);
        return;
    }
    // The size that LIST gave; a file with bare LF grows on its way.
    const std::uint64_t size = transaction_->maildrop().size(one.index);
    out_ += one.lines ? ok() : ok(std::to_string(size) + " octets");
    body_ = wire::SendBody{std::move(content.body), 0, content.length, true};
}

}  // namespace mailhandler::pop3
