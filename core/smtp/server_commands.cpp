// What each SMTP verb does in a session.
#include <algorithm>
#include <utility>

#include "smtp/server_session.hpp"

namespace mailhandler::smtp {

namespace {

// A larger BDAT chunk is no message but an attack: nobody waits for its end. Smaller ones that are
// too large all the same are read away, so that the client sees its 552 and not a broken line.
std::uint64_t absurd_chunk(std::uint64_t message_size) {
    constexpr std::uint64_t least = 1ull << 30;
    return message_size > UINT64_MAX / 16 ? UINT64_MAX : std::max(least, message_size * 16);
}

// The name a client gives itself, fit for a Received header: letters, digits, and what host names,
// literals and the names of careless machines hold.
std::string harmless(std::string_view name) {
    constexpr std::string_view also = "-._:[]";
    std::string result(name.substr(0, 255));
    for (char& c : result) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && also.find(c) == std::string_view::npos) c = '?';
    }
    return result;
}

}  // namespace

void ServerSession::obey(const Command& command) {
    if (++commands_ > settings_.commands) {
        return hang_up("4.7.0", "gives up: too many commands without a message");
    }
    switch (command.verb) {
        case Verb::helo:
        case Verb::ehlo:
        case Verb::lhlo:
            return hello(command);
        case Verb::mail:
            return begin_mail(command);
        case Verb::rcpt:
            return add_recipient(command);
        case Verb::data:
            return begin_data(command);
        case Verb::bdat:
            return begin_bdat(command);
        case Verb::starttls:
            return begin_tls(command);
        case Verb::auth:
            return begin_login(command);
        case Verb::rset:
            return reset(command);
        case Verb::noop:
            return say(250, "2.0.0", "Still here");
        case Verb::vrfy:
            return verify(command);
        case Verb::expn:
            return complain(502, "5.5.1", "Lists are not expanded here");
        case Verb::help:
            return help();
        case Verb::quit:
            return quit();
        case Verb::obsolete:
            return complain(502, "5.5.1", "Command not implemented");
        case Verb::unknown:
            return complain(500, "5.5.2", "Command not recognised; try HELP");
    }
}

void ServerSession::reset(const Command& command) {
    if (!command.argument.empty()) return complain(501, "5.5.4", "RSET takes no argument");
    end_transaction();
    say(250, "2.0.0", "Forgotten");
}

void ServerSession::verify(const Command& command) {
    if (command.argument.empty()) return complain(501, "5.5.4", "Write VRFY <address>");
    say(252, "2.5.2", "Ask with RCPT; addresses are not confirmed here");
}

void ServerSession::quit() {
    end_transaction();
    say(221, "2.0.0", settings_.hostname + " says goodbye");
    stage_ = Stage::closing;
}

void ServerSession::help() {
    const std::string hello = settings_.service == Service::lmtp ? "LHLO" : "EHLO HELO";
    say(214, "2.0.0", hello + " MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS AUTH QUIT");
}

void ServerSession::hello(const Command& command) {
    const bool lmtp = settings_.service == Service::lmtp;
    if (lmtp != (command.verb == Verb::lhlo)) {
        // RFC 2033 section 4.1: neither protocol takes the other's greeting.
        return complain(500, "5.5.1", lmtp ? "This is LMTP: say LHLO" : "This is SMTP: say EHLO");
    }
    if (command.argument.empty()) {
        return complain(501, "5.5.4", "Your host name is missing behind the command");
    }
    end_transaction();
    client_.helo = harmless(command.argument);
    client_.esmtp = command.verb != Verb::helo;
    say({250, "",
         settings_.hostname + " greets " + client_.helo +
             (client_.esmtp ? keywords() : std::string())});
}

std::string ServerSession::keywords() const {
    std::string lines = "\nPIPELINING\nSIZE " + std::to_string(settings_.message_size) +
                        "\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING\nDSN";
    if (settings_.tls_offered && !secure()) lines += "\nSTARTTLS";
    if (may_log_in()) lines += "\nAUTH PLAIN LOGIN";
    return lines;
}

void ServerSession::begin_mail(const Command& command) {
    const bool lmtp = settings_.service == Service::lmtp;
    if (client_.helo.empty()) {
        return complain(503, "5.5.1", lmtp ? "Say LHLO first" : "Say EHLO first");
    }
    if (transaction_.begun) {
        return complain(503, "5.5.1", "A message is already under way; RSET forgets it");
    }
    if (settings_.service == Service::submission && client_.login.empty()) {
        return complain(
            530, "5.7.0",
            may_log_in() ? "Log in first, with AUTH" : "Say STARTTLS first, then log in with AUTH");
    }
    auto sender = parse_mail(command.argument, {settings_.message_size, may_log_in()});
    if (!sender) return complain(sender.error());
    transaction_.envelope.sender = *sender;
    put(Asked::from, MayFrom{std::move(*sender)});
}

void ServerSession::add_recipient(const Command& command) {
    if (!transaction_.begun) return complain(503, "5.5.1", "Say MAIL first");
    if (transaction_.chunked) return complain(503, "5.5.1", "The message has already begun");
    const auto& sender = transaction_.envelope.sender;
    auto recipient = parse_rcpt(command.argument, sender.smtputf8);
    transaction_.tried = true;
    if (!recipient) return complain(recipient.error());
    auto& recipients = transaction_.envelope.recipients;
    if (recipients.size() >= settings_.recipients) {
        // Not an error: the client sends the rest in its next transaction (RFC 5321 4.5.3.1.10).
        return say(452, "4.5.3", "Too many recipients; send this message to the rest separately");
    }
    put(Asked::to, MayTo{&sender, *recipient, recipients.size()});
    recipients.push_back(std::move(*recipient));
}

// Why there can be no content now, if so.
std::optional<Reply> ServerSession::nothing_to_send() const {
    if (!transaction_.begun) return Reply{503, "5.5.1", "Say MAIL and RCPT first"};
    if (!transaction_.tried) return Reply{503, "5.5.1", "Say RCPT first"};
    if (transaction_.envelope.recipients.empty()) {
        return Reply{554, "5.5.1", "No valid recipients: every RCPT was refused"};
    }
    return std::nullopt;
}

void ServerSession::begin_data(const Command& command) {
    if (!command.argument.empty()) return complain(501, "5.5.4", "DATA takes no argument");
    if (transaction_.chunked) {
        return complain(503, "5.5.1", "This message came with BDAT and must end with BDAT LAST");
    }
    if (const auto reply = nothing_to_send()) return complain(*reply);
    begin_content(true);
    stage_ = Stage::data;
    say({354, "", "Send the message; a line holding only a dot ends it"});
}

void ServerSession::begin_bdat(const Command& command) {
    const auto chunk = parse_bdat(command.argument);
    if (!chunk || chunk->size > absurd_chunk(settings_.message_size)) {
        // Nobody can tell where the next command begins, so there is none.
        say(chunk ? too_large() : chunk.error());
        end_transaction();
        stage_ = Stage::closing;
        return;
    }
    chunk_ = *chunk;
    chunk_left_ = chunk->size;
    stage_ = Stage::bdat;
    if (!transaction_.chunked) {
        chunk_refused_ = nothing_to_send();
        begin_content(false);
        transaction_.chunked = !chunk_refused_;
    }
    // Refused before it comes, or after: the chunk is read in either case (RFC 3030 section 4.2).
    const bool refused_already = chunk_refused_ || transaction_.failure;
    if (!refused_already && chunk->size > settings_.message_size - transaction_.size) {
        fail_content(too_large());
    }
}

void ServerSession::begin_tls(const Command& command) {
    if (secure()) return complain(503, "5.5.1", "TLS is already on");
    if (!settings_.tls_offered) return complain(502, "5.5.1", "TLS is not available here");
    if (!command.argument.empty()) return complain(501, "5.5.4", "STARTTLS takes no argument");
    end_transaction();
    inbox_.clear();
    tainted_ = false;
    say(220, "2.0.0", "Ready for the handshake");
    stage_ = Stage::start_tls;
}

}  // namespace mailhandler::smtp
