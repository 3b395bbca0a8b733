#include "scripted_client_owner.hpp"

#include <sstream>

namespace mailhandler::test {

namespace {

using namespace smtp;

std::string told(const Reply& reply) {
    return std::to_string(reply.code) + " " + reply.enhanced + " " + reply.text;
}

struct Tell {
    std::string operator()(const WantMessage&) const { return "WantMessage"; }
    std::string operator()(const NoService& q) const {
        return "NoService " + q.doing + ": " + told(q.reply) + (q.handshake ? " (handshake)" : "");
    }
    std::string operator()(const Outcome& q) const {
        std::string text = "Outcome";
        for (const Reply& reply : q.recipients) text += " | " + told(reply);
        return text;
    }
};

mail::Address address(const std::string& text) {
    return mail::Address::parse_recipient(text).value();
}

Outgoing outgoing(const std::string& line) {
    std::vector<std::string> parts;
    std::istringstream text(line);
    for (std::string part; std::getline(text, part, '|');) parts.push_back(part);
    parts.resize(4);
    const auto has = [&](const char* flag) { return parts[3].find(flag) != std::string::npos; };
    Outgoing message;
    std::istringstream sender(parts[0]), recipients(parts[1]);
    std::string word;
    if (sender >> word) message.sender.address = address(word);
    while (recipients >> word) message.recipients.push_back({address(word), {}, {}});
    if (has("8bit")) message.sender.body = mail::BodyType::eight_bit_mime;
    message.utf8_headers = has("utf8");
    if (has("dsn")) {
        message.sender.ret = mail::Ret::headers;
        message.sender.envid = "a+b";
        message.recipients[0].notify = {true, false, true, true, false};
        message.recipients[0].orcpt = "rfc822;x@example.org";
    }
    const std::string body = parts[2].substr(1, parts[2].find_last_not_of(' '));
    message.body = std::make_shared<MemoryBody>(body);
    return message;
}

}  // namespace

ClientAnswer ScriptedClientOwner::answer(ClientQuestion&& question) {
    log_.push_back(std::visit(Tell(), question));
    ClientAnswer answer;
    if (const auto* outcome = std::get_if<Outcome>(&question)) {
        if (outcome->recipients.size() != recipients_) wrong_ = "wrong count in " + log_.back();
        recipients_ = 0;
    }
    if (!std::holds_alternative<WantMessage>(question)) return answer;
    if (recipients_ != 0) wrong_ = "a message is wanted before the outcome of the last";
    const auto messages = dialog_->answers_to("WantMessage");
    if (given_ == messages.size()) return answer;
    answer.message = outgoing(messages[given_++]);
    recipients_ = answer.message->recipients.size();
    return answer;
}

std::string ScriptedClientOwner::unfinished() const {
    if (!wrong_.empty()) return wrong_;
    if (log_.empty()) return "the owner was never asked";
    return recipients_ == 0 ? "" : "a message without an outcome";
}

}  // namespace mailhandler::test
