// DATA, BDAT, and how a message ends.
#include <algorithm>
#include <utility>

#include "smtp/server_session.hpp"

namespace mailhandler::smtp {

void ServerSession::begin_content(bool dots) {
    decoder_ = wire::DotDecoder(dots);
    // A declared size spares the copies of a growing string, up to what a liar may cost us.
    const std::uint64_t declared = transaction_.envelope.sender.size.value_or(0);
    if (declared <= settings_.spill) transaction_.content.reserve(declared);
}

// Takes what of `octets` belongs to the content under way; the rest are commands.
std::size_t ServerSession::take_content(std::string_view octets) {
    if (stage_ == Stage::bdat) return take_chunk(octets);
    const std::size_t before = transaction_.content.size();
    const std::size_t used = decoder_.decode(octets, transaction_.content);
    keep_content(before, decoder_.finished());
    if (decoder_.finished()) finish_content();
    return used;
}

std::size_t ServerSession::take_chunk(std::string_view octets) {
    octets = octets.substr(0, std::min<std::uint64_t>(octets.size(), chunk_left_));
    chunk_left_ -= octets.size();
    const bool complete = chunk_left_ == 0 && chunk_.last;
    if (!chunk_refused_) {
        const std::size_t before = transaction_.content.size();
        decoder_.decode(octets, transaction_.content);
        if (complete) decoder_.end(transaction_.content);
        keep_content(before, complete);
    }
    if (chunk_left_ == 0) finish_chunk();
    return octets.size();
}

// Looks at what was appended behind `before`: limits, faults, and the way to the disk. A complete
// message is committed at once, not spilled.
void ServerSession::keep_content(std::size_t before, bool complete) {
    Transaction& transaction = transaction_;
    transaction.size += transaction.content.size() - before;
    if (!transaction.failure && transaction.size > settings_.message_size) {
        fail_content(too_large());
    } else if (!transaction.failure && decoder_.bare_cr()) {
        fail_content({554, "5.6.0", "The message holds a bare CR; lines must end in CRLF"});
    }
    if (transaction.failure) {
        transaction.content.clear();
    } else if (transaction.content.size() >= settings_.spill && !complete) {
        put(Asked::spill, Spill{std::exchange(transaction.content, {})});
    }
}

// The message is lost but not yet at its end: what comes is read and dropped, nothing is kept.
void ServerSession::fail_content(Reply reply) {
    transaction_.failure = std::move(reply);
    transaction_.content = std::string();
    if (std::exchange(transaction_.touched, false)) discard_due_ = true;
}

void ServerSession::finish_chunk() {
    stage_ = Stage::command;
    began_.reset();
    if (chunk_refused_) {
        complain(*std::exchange(chunk_refused_, std::nullopt));
        if (chunk_.last) end_transaction();
    } else if (chunk_.last) {
        finish_content();
    } else if (transaction_.failure) {
        say(*transaction_.failure);
    } else {
        say(250, "2.0.0", std::to_string(chunk_.size) + " octets received");
    }
}

void ServerSession::finish_content() {
    stage_ = Stage::command;
    began_.reset();
    if (transaction_.failure) {
        say_outcome(*transaction_.failure);
        return end_transaction();
    }
    put(Asked::commit, Commit{std::move(transaction_.envelope), std::move(transaction_.content)});
}

// One reply for all: LMTP wants it once for each accepted recipient (RFC 2033 section 4.2).
void ServerSession::say_outcome(const Reply& reply) {
    const bool lmtp = settings_.service == Service::lmtp;
    const std::size_t times = lmtp ? transaction_.accepted : 1;
    for (std::size_t i = 0; i < times; ++i) say(reply);
    if (reply.code == 421) stage_ = Stage::closing;
}

void ServerSession::committed(const Answer& answer) {
    const std::size_t given = answer.replies.size();
    const std::size_t due = settings_.service == Service::lmtp ? transaction_.accepted : 1;
    for (std::size_t i = 0; i < due; ++i) {
        const Reply reply = i < given ? answer.replies[i] : no_answer();
        say(reply);
        if (reply.code == 421) stage_ = Stage::closing;
    }
    commands_ = 0;
    transaction_.touched = false;  // taken or refused: there is nothing left to discard
    end_transaction();
}

Reply ServerSession::too_large() const {
    return {552, "5.3.4",
            "The message is too large: at most " + std::to_string(settings_.message_size) +
                " octets are accepted"};
}

}  // namespace mailhandler::smtp
