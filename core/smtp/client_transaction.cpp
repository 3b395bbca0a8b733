// One message from MAIL to its outcome.
#include <algorithm>
#include <utility>

#include "smtp/client_session.hpp"
#include "smtp/command.hpp"

namespace mailhandler::smtp {

namespace {

bool ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string notify_text(const mail::Notify& notify) {
    if (notify.never) return " NOTIFY=NEVER";
    std::string text;
    const std::pair<bool, const char*> words[] = {
        {notify.success, "SUCCESS"}, {notify.failure, "FAILURE"}, {notify.delay, "DELAY"}};
    for (const auto& [given, word] : words) {
        if (given) text += (text.empty() ? " NOTIFY=" : ",") + std::string(word);
    }
    return text;
}

}  // namespace

void ClientSession::begin(Outgoing message) {
    message_ = std::move(message);
    outcomes_.assign(message_->recipients.size(), std::nullopt);
    rcpts_due_ = outcomes_.size();
    messages_due_ = 0;
    const auto reply = impossible();
    if (reply || rcpts_due_ == 0) {
        if (reply) refuse_rest(*reply);
        return finish_message();
    }
    if (std::exchange(reset_due_, false)) command("RSET\r\n", Expect::rset);
    command(mail_line(), Expect::mail);
    for (std::size_t i = 0; i < message_->recipients.size(); ++i) {
        command(recipient_line(message_->recipients[i]), Expect::rcpt, i);
    }
    // DATA saves its round trip by going along; BDAT does by needing none.
    data_pipelined_ = offers_.pipelining && !offers_.chunking;
    if (data_pipelined_) command("DATA\r\n", Expect::data);
}

// Why this server cannot have this message, if so.
std::optional<Reply> ClientSession::impossible() const {
    if (offers_.largest != 0 && message_->body->size() > offers_.largest) {
        return Reply{552, "5.3.4",
                     "The server takes at most " + std::to_string(offers_.largest) + " octets"};
    }
    const auto& sender = message_->sender.address;
    bool utf8 = message_->utf8_headers || (sender && !ascii(sender->local()));
    for (const auto& recipient : message_->recipients) {
        utf8 = utf8 || !ascii(recipient.address.local());
    }
    if (utf8 && !offers_.utf8) return Reply{553, "5.6.7", "The server does not offer SMTPUTF8"};
    return std::nullopt;
}

// An address as this server understands it: without SMTPUTF8, a domain goes as A-labels.
std::string ClientSession::path(const mail::Address& address) const {
    if (offers_.utf8 || ascii(address.given())) return '<' + address.given() + '>';
    return '<' + mail::quote_local(address.local()) + '@' + address.domain() + '>';
}

std::string ClientSession::mail_line() const {
    const mail::Sender& sender = message_->sender;
    bool utf8 = sender.smtputf8 || message_->utf8_headers;
    utf8 = utf8 || (sender.address && sender.address->needs_smtputf8());
    for (const auto& recipient : message_->recipients) {
        utf8 = utf8 || recipient.address.needs_smtputf8();
    }
    std::string line = "MAIL FROM:" + (sender.address ? path(*sender.address) : "<>");
    if (offers_.size) line += " SIZE=" + std::to_string(message_->body->size());
    if (offers_.eight_bit && sender.body == mail::BodyType::eight_bit_mime)
        line += " BODY=8BITMIME";
    if (offers_.utf8 && utf8) line += " SMTPUTF8";
    if (offers_.dsn && sender.ret == mail::Ret::full) line += " RET=FULL";
    if (offers_.dsn && sender.ret == mail::Ret::headers) line += " RET=HDRS";
    if (offers_.dsn && !sender.envid.empty()) line += " ENVID=" + encode_xtext(sender.envid);
    return line + "\r\n";
}

std::string ClientSession::recipient_line(const mail::Recipient& recipient) const {
    std::string line = "RCPT TO:" + path(recipient.address);
    if (offers_.dsn) line += notify_text(recipient.notify);
    if (offers_.dsn && !recipient.orcpt.empty()) line += " ORCPT=" + recipient.orcpt;
    return line + "\r\n";
}

void ClientSession::heard_mail(const Reply& reply) {
    if (reply.positive()) {
        reset_due_ = true;
        return;
    }
    refuse_rest(reply);
    // What was sent ahead is answered all the same; what was not is not sent.
    if (todo_.empty()) return;
    for (const Command& command : todo_) {
        if (command.expected.what == Expect::rcpt) --rcpts_due_;
    }
    todo_.clear();
    data_pipelined_ = std::any_of(expected_.begin(), expected_.end(), [](const Expected& expected) {
        return expected.what == Expect::data;
    });
    if (rcpts_due_ == 0) recipients_known();
}

void ClientSession::heard_rcpt(std::size_t recipient, const Reply& reply) {
    if (!reply.positive() && !outcomes_[recipient]) outcomes_[recipient] = reply;
    if (--rcpts_due_ == 0) recipients_known();
}

void ClientSession::recipients_known() {
    if (data_pipelined_) return;  // its answer is on the way
    if (accepted() == 0) return finish_message();
    if (!offers_.chunking) return command("DATA\r\n", Expect::data);
    output_.push_back(wire::Send{"BDAT " + std::to_string(message_->body->size()) + " LAST\r\n"});
    send_body(false);
}

void ClientSession::heard_data(const Reply& reply) {
    if (reply.code == 354 && accepted() > 0) return send_body(true);
    if (reply.code == 354) {
        // Everybody was refused and the server wants content all the same (RFC 2920 section 3.1).
        output_.push_back(wire::Send{".\r\n"});
        expected_.push_back({Expect::message});
        messages_due_ = 1;
        return;
    }
    refuse_rest(reply);
    finish_message();
}

void ClientSession::send_body(bool dot_stuffed) {
    const std::uint64_t size = message_->body->size();
    output_.push_back(wire::SendBody{message_->body, 0, size, dot_stuffed});
    messages_due_ = settings_.lmtp ? accepted() : 1;
    for (std::size_t i = 0; i < messages_due_; ++i) expected_.push_back({Expect::message});
}

void ClientSession::heard_message(const Reply& reply) {
    --messages_due_;
    if (!settings_.lmtp) {
        refuse_rest(reply);
    } else {
        const auto open = std::find(outcomes_.begin(), outcomes_.end(), std::nullopt);
        if (open != outcomes_.end()) *open = reply;
    }
    if (messages_due_ == 0) {
        reset_due_ = !reply.positive();
        finish_message();
    }
}

// Everybody whose outcome is still open gets this one.
void ClientSession::refuse_rest(const Reply& reply) {
    for (auto& outcome : outcomes_) {
        if (!outcome) outcome = reply;
    }
}

void ClientSession::finish_message() {
    Outcome outcome;
    outcome.dsn = offers_.dsn;
    outcome.recipients.reserve(outcomes_.size());
    for (auto& reply : outcomes_) outcome.recipients.push_back(std::move(*reply));
    outcomes_.clear();
    question_ = std::move(outcome);
}

std::size_t ClientSession::accepted() const {
    return static_cast<std::size_t>(std::count(outcomes_.begin(), outcomes_.end(), std::nullopt));
}

}  // namespace mailhandler::smtp
