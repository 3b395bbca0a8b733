// The one loop that joins a protocol session to a connection, for servers and for clients.
//
// Session, beside wire/action.hpp's contract: `next(Instant)` returns wire::Action<Question>; where
// the session has drain(), Handle::drain() reaches it. Owner: `Answer answer(Question&&)`. Where a
// question is answered is said by `place(const Question&)`, found beside the question.
//
// Where a pooled question needs something that the network has first, the owner has a coroutine
// `Task<> before(const Question&)`, run on the network thread; it ends in bounded time.
//
//     Stream stream = …;  Owner owner…;  smtp::ServerSession session(settings, stream.peer());
//     Result<> end = co_await drive(stream, session, owner, means);
//
// Promises:
//  - next() is called on the network thread only; so is answer() for Place::network. Other answers
//    run on their pool, one at a time for one owner, and always to their end: session and owner
//    live in the caller's frame, which waits for them even when the peer has left.
//  - Sends are gathered and leave together before anything waits, and whenever 64 KiB have come
//    together. Memory for a connection stays flat however large a body is.
//  - When the line breaks the session hears eof() once; what it still sends is dropped, what it
//    still asks is answered, and its next Read ends the loop.
//  - An exception of session or owner is our bug: it is logged, this connection is reset, the rest
//    goes on.
#pragma once

#include <exception>
#include <fmt/format.h>
#include <utility>

#include "net/conduct.hpp"

namespace mailhandler::net {

namespace detail {

template <class Question>
Question question_of(const wire::Action<Question>*);

template <class Session>
using QuestionOf =
    decltype(question_of(static_cast<decltype(std::declval<Session&>().next(Instant{}))*>(nullptr)));

template <class Owner, class Question>
struct Answering final : Work {
    Answering(Owner& o, Question& q) : owner(o), question(q) {}
    void run() override { reply.emplace(owner.answer(std::move(question))); }

    Owner& owner;
    Question& question;
    std::optional<decltype(std::declval<Owner&>().answer(std::declval<Question>()))> reply;
};

inline Pool& pool_of(wire::Place where, const Means& means) {
    return where == wire::Place::disk ? means.disk : means.password;
}

// The session hears how its Read ended. False: the peer has ended.
template <class Session>
bool tell(Session& session, Io io, const Conduct& conduct) {
    if (io == Io::ok) session.receive(conduct.heard());
    if (io == Io::woken) session.wake();
    if constexpr (requires { session.drain(); }) {
        if (io == Io::draining) session.drain();
    }
    if (io == Io::eof) session.eof();
    return io != Io::eof;
}

// Whatever waits does so here: each step that were a coroutine would cost a frame each time.
template <class Session, class Owner, class Question>
Task<> converse(Session& session, Owner& owner, Conduct& conduct, const Means& means) {
    bool ended = false;  // the session has heard eof()
    for (;;) {
        if (conduct.broken() && !std::exchange(ended, true)) session.eof();
        wire::Action<Question> action = session.next(conduct.now());
        if (auto* send = std::get_if<wire::Send>(&action)) {
            conduct.gather(std::move(send->octets));
            if (conduct.full()) co_await conduct.flush();
        } else if (auto* body = std::get_if<wire::SendBody>(&action)) {
            co_await conduct.send_body(*body);
        } else if (auto* ask = std::get_if<wire::Ask<Question>>(&action)) {
            const wire::Place where = place(ask->question);
            if (where == wire::Place::network) {
                session.answer(owner.answer(std::move(ask->question)));
            } else {
                conduct.try_flush();  // what can go at once; a slow peer delays no commit
                if constexpr (requires { owner.before(ask->question); })
                    co_await owner.before(ask->question);
                Answering<Owner, Question> work(owner, ask->question);
                co_await offload(pool_of(where, means), work);
                session.answer(std::move(*work.reply));
            }
        } else if (auto* read = std::get_if<wire::Read>(&action)) {
            if (!conduct.try_flush()) co_await conduct.flush();
            if (ended) co_return;
            if (conduct.broken()) continue;
            const Io io = co_await conduct.hear(*read);
            ended = !tell(session, io, conduct);
        } else if (std::holds_alternative<wire::StartTls>(action)) {
            std::optional<wire::TlsInfo> info = co_await conduct.start_tls();
            if (info) session.secured(std::move(*info));
        } else if (std::holds_alternative<wire::StartDeflate>(action)) {
            co_await conduct.start_deflate();
        } else {
            co_await conduct.finish(std::get<wire::Close>(action).abort);
            co_return;
        }
    }
}

}  // namespace detail

// Runs until the session closes or the line has broken. The Fault is the line's first one: for a
// server a line of debugging talk at most, for a client the reason it tells its user.
template <class Session, class Owner>
Task<Result<>> drive(Stream& stream, Session& session, Owner& owner, const Means& means) {
    Conduct conduct(stream, means);
    std::string bug;
    try {
        co_await detail::converse<Session, Owner, detail::QuestionOf<Session>>(session, owner,
                                                                               conduct, means);
    } catch (const std::exception& error) {
        bug = error.what();
        if (bug.empty()) bug = "unnamed";
    }
    if (!bug.empty()) {
        means.log.error(fmt::format("{}: a bug of ours: {}", stream.peer().address, bug));
        stream.abort();
        co_return fail(stream.peer().address, "a bug of ours: " + bug);
    }
    if (conduct.fault()) co_return tl::unexpected<Fault>(*conduct.fault());
    co_return Result<>();
}

}  // namespace mailhandler::net
