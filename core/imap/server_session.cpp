#include "imap/server_session.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace mailhandler::imap {

namespace {

// Responses leave at the latest when so many octets have gathered here.
constexpr std::size_t output_batch = 16 * 1024;

}  // namespace

ServerSession::ServerSession(Settings settings, wire::Peer peer) : settings_(std::move(settings)) {
    client_.peer = std::move(peer);
    reader_.limits(settings_.login_command - 2, settings_.login_command);
}

Action ServerSession::next(Instant now) {
    if (!begun_) {
        begun_ = true;
        login_by_ = now + settings_.login;
        ask<Verdict>(MayConnect{}, [this](const Verdict& verdict) { greet(verdict); });
    }
    for (;;) {
        if (out_.has_body() || out_.size() >= output_batch) return out_.take();
        if (Action action; proceed(action)) return action;
        if (job_ != nullptr) {
            const Job job = std::exchange(job_, nullptr);
            if ((this->*job)()) job_ = job;
            continue;
        }
        if (hear()) continue;
        if (!out_.empty()) return out_.take();
        if (eof_)
            leave({});
        else if (draining_)
            leave("[UNAVAILABLE] The server is stopping, come back soon");
        else if (timed_out(now))
            continue;
        else
            return wait(now);
    }
}

// What has to happen before anything else. False: nothing.
bool ServerSession::proceed(Action& action) {
    const bool waits = question_ || start_tls_ || start_deflate_ || phase_ == Phase::leaving;
    if (!waits) return false;
    if (!out_.empty())
        action = out_.take();
    else if (question_)
        action = ask_now();
    else if (std::exchange(start_tls_, false))
        action = wire::StartTls{};
    else if (std::exchange(start_deflate_, false))
        action = wire::StartDeflate{};
    else
        action = wire::Close{};
    return true;
}

Action ServerSession::ask_now() {
    Action action{std::in_place_type<wire::Ask<Question>>};
    std::get<wire::Ask<Question>>(action).question.swap(*question_);
    question_.reset();
    return action;
}

void ServerSession::answer(Answer answer) {
    progress_ = true;
    if (!then_ || question_) throw std::logic_error("imap: an answer without a question");
    const auto then = std::exchange(then_, nullptr);
    try {
        then(std::move(answer));
    } catch (const std::bad_variant_access&) {
        throw std::logic_error("imap: an answer that does not fit the question");
    }
}

// Takes what is here: a command, a line, a wake-up. False: there is nothing.
bool ServerSession::hear() {
    if (phase_ == Phase::connecting) return false;
    if (line_ == Line::idle && std::exchange(woken_, false)) {
        refresh_idle();
        return true;
    }
    if (!take_event()) return false;
    progress_ = true;
    return true;
}

bool ServerSession::take_event() {
    using Event = CommandReader::Event;
    const Event event = line_ == Line::command ? reader_.next() : reader_.next_line();
    switch (event) {
        case Event::nothing: return false;
        case Event::too_long: leave("The command is too long"); break;
        case Event::literal: take_literal(); break;
        case Event::piece: append_piece(reader_.text()); break;
        case Event::skipped:
            if (skipped_) complete(*std::exchange(skipped_, std::nullopt));
            break;
        case Event::command:
            if (line_ == Line::sasl)
                sasl_response(reader_.text());
            else if (line_ == Line::idle)
                idle_line(reader_.text());
            else if (append_)
                append_rest(reader_.text());
            else
                obey(reader_.text());
    }
    return true;
}

// True: something was said about it. Someone who talks without end before a login is late as well.
bool ServerSession::timed_out(Instant now) {
    if (phase_ == Phase::login && now >= login_by_) return leave("Nobody has logged in"), true;
    if (progress_ || now < deadline_) return false;
    if (line_ == Line::idle && now < idle_until_) {
        out_.text() += "* OK Still here\r\n";
        progress_ = true;
        return true;
    }
    leave("Too long silent");
    return true;
}

Action ServerSession::wait(Instant now) {
    if (std::exchange(progress_, false)) {
        deadline_ = phase_ == Phase::authenticated
                        ? now + settings_.idle
                        : std::min(now + settings_.login_idle, login_by_);
        if (line_ == Line::idle) {
            if (idle_until_ <= now) idle_until_ = deadline_;
            deadline_ = std::min(now + settings_.sign_of_life, idle_until_);
        }
    }
    return wire::Read{deadline_, line_ == Line::idle};
}

void ServerSession::leave(std::string_view farewell) {
    phase_ = Phase::leaving;
    job_ = nullptr;
    if (append_ && append_->touched) ask<Verdict>(AppendDiscard{}, [](const Verdict&) {});
    append_.reset();
    if (farewell.empty()) return;
    out_.text() += "* BYE ";
    out_.text() += farewell;
    out_.text() += "\r\n";
}

void ServerSession::secured(wire::TlsInfo info) {
    reader_.clear();
    progress_ = true;
    client_.tls = std::move(info);
}

}  // namespace mailhandler::imap
