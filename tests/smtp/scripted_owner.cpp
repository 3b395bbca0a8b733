#include "scripted_owner.hpp"

namespace mailhandler::test {

namespace {

using namespace smtp;

std::string bracketed(const std::string& address) { return " <" + address + ">"; }

struct Tell {
    std::string operator()(const MayConnect&) const { return "MayConnect"; }
    std::string operator()(const MayFrom& q) const {
        std::string text = "MayFrom" + bracketed(q.sender.text());
        if (q.sender.size) text += " size=" + std::to_string(*q.sender.size);
        if (q.sender.body == mail::BodyType::eight_bit_mime) text += " 8bit";
        if (q.sender.smtputf8) text += " smtputf8";
        if (q.sender.ret == mail::Ret::full) text += " full";
        if (q.sender.ret == mail::Ret::headers) text += " hdrs";
        if (!q.sender.envid.empty()) text += " envid=" + q.sender.envid;
        return text;
    }
    std::string operator()(const MayTo& q) const {
        std::string text = "MayTo" + bracketed(q.recipient.address.given());
        const mail::Notify& notify = q.recipient.notify;
        if (notify.never) text += " never";
        if (notify.success) text += " success";
        if (notify.failure) text += " failure";
        if (notify.delay) text += " delay";
        if (!q.recipient.orcpt.empty()) text += " orcpt=" + q.recipient.orcpt;
        return text;
    }
    std::string operator()(const MayLogin& q) const {
        return "MayLogin " + q.login + " " + q.password;
    }
    std::string operator()(const Spill& q) const { return "Spill " + q.octets; }
    std::string operator()(const Commit& q) const {
        std::string text = "Commit" + bracketed(q.envelope.sender.text()) + " to";
        for (const auto& recipient : q.envelope.recipients)
            text += bracketed(recipient.address.given());
        return text + ": " + q.rest;
    }
    std::string operator()(const Discard&) const { return "Discard"; }
};

const char* yes(const Question& question) {
    if (std::holds_alternative<MayConnect>(question)) return "220  ";
    if (std::holds_alternative<MayFrom>(question)) return "250 2.1.0 Sender accepted";
    if (std::holds_alternative<MayTo>(question)) return "250 2.1.5 Recipient accepted";
    if (std::holds_alternative<MayLogin>(question)) return "235 2.7.0 Welcome";
    return "250 2.0.0 Stored";
}

}  // namespace

Reply reply_from(const std::string& text) {
    const std::size_t blank = text.find(' ', 4);
    return {std::stoi(text), text.substr(4, blank - 4),
            blank == std::string::npos ? "" : text.substr(blank + 1)};
}

Answer ScriptedSmtpOwner::answer(Question&& question) {
    log_.push_back(std::visit(Tell(), question));
    Answer answer;
    for (const auto& text : dialog_->answers_to(log_.back()))
        answer.replies.push_back(reply_from(text));
    const auto* commit = std::get_if<Commit>(&question);
    std::size_t due = std::holds_alternative<Discard>(question) ? 0 : 1;
    if (commit != nullptr && lmtp_) due = commit->envelope.recipients.size();
    if (answer.replies.empty()) answer.replies.resize(due, reply_from(yes(question)));
    const bool accepted = std::holds_alternative<MayTo>(question) && answer.replies[0].positive();
    const bool end = commit != nullptr || std::holds_alternative<Discard>(question);
    if (end && !open_) wrong_ = log_.back() + ", but nothing was under way";
    if (accepted || std::holds_alternative<Spill>(question)) open_ = true;
    if (end) open_ = false;
    return answer;
}

std::string ScriptedSmtpOwner::unfinished() const {
    if (!wrong_.empty()) return wrong_;
    return open_ ? "the end came without Commit or Discard" : "";
}

}  // namespace mailhandler::test
