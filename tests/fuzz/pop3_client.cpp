// The collecting session under an arbitrary server, from three states: at the greeting, logged in
// without and with pipelining.
//
// What must hold: it always comes to Read or Close, Settle and Finished come at the end of every
// run, pieces fit together, a message is complete only when the server sent CRLF.CRLF, nothing is
// deleted that was not complete or without QUIT, and no secret is sent in clear.
#include <cstdlib>
#include <string_view>

#include "fuzz/require.hpp"
#include "pop3/client_session.hpp"

using namespace mailhandler;

namespace {

struct Owner {
    bool in_message = false, settled = true, finished = false;
    std::size_t complete = 0;
    std::vector<std::uint32_t> safe;

    pop3::ClientAnswer answer(pop3::ClientQuestion question) {
        require(!finished);
        if (auto* listed = std::get_if<pop3::Listed>(&question)) {
            pop3::Plan plan;
            for (std::uint32_t i = 0; i < listed->listing->count(); ++i) plan.fetch.push_back(i);
            return plan;
        }
        if (auto* received = std::get_if<pop3::Received>(&question)) return take(*received);
        if (std::holds_alternative<pop3::Settle>(question)) {
            settled = true;
            return pop3::Progress{safe, false};
        }
        const auto& outcomes = std::get<pop3::Finished>(question).outcomes;
        finished = true;
        require(settled && outcomes.fetched == complete);
        require(outcomes.deleted.size() <= complete);
        return pop3::Done{};
    }
    pop3::Progress take(const pop3::Received& received) {
        settled = false;
        require(!received.pieces.empty());
        for (const auto& piece : received.pieces) {
            require(piece.first != in_message);
            in_message = piece.end == pop3::Piece::End::more;
            if (piece.end != pop3::Piece::End::complete) continue;
            ++complete;
            safe.push_back(piece.index);
        }
        return {};
    }
};

bool run(pop3::ClientSession& session, Owner& owner, Instant now, bool& secure) {
    for (int actions = 0;; ++actions) {
        require(actions < 100'000);
        auto action = session.next(now);
        if (std::holds_alternative<wire::Read>(action)) return true;
        if (std::holds_alternative<wire::Close>(action)) return false;
        if (auto* send = std::get_if<wire::Send>(&action)) {
            require(secure || (send->octets.find("AGEAYg==") == std::string::npos &&
                               send->octets.find("USER") == std::string::npos));
        }
        if (auto* ask = std::get_if<wire::Ask<pop3::ClientQuestion>>(&action))
            session.answer(owner.answer(std::move(ask->question)));
        if (std::holds_alternative<wire::StartTls>(action)) {
            secure = true;
            session.secured({});
        }
    }
}

std::size_t count(std::string_view text, std::string_view of) {
    std::size_t found = 0;
    for (std::size_t at = text.find(of); at != text.npos; at = text.find(of, at + 1)) ++found;
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 2) return 0;
    const unsigned char how = data[0];
    const std::size_t piece = data[1] + 1u;
    std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
    pop3::ClientSettings settings;
    settings.login = "a";
    settings.secret = "b";
    settings.bearer = (how & 16) != 0;
    settings.listing = 1000;
    settings.window.chunk = 64;
    settings.window.message_size = (how & 8) ? 256 : 0;
    bool secure = (how & 3) != 0;
    pop3::ClientSession session(settings, {"192.0.2.1", 1, false, secure});
    Owner owner;
    const Instant now{std::chrono::hours(1)};
    bool more = run(session, owner, now, secure);
    const auto hear = [&](std::string_view said) {
        if (!more) return;
        session.receive(said);
        more = run(session, owner, now, secure);
    };
    if (how & 3) {
        hear("+OK\r\n");
        hear((how & 3) == 2 ? "+OK\r\nPIPELINING\r\nSASL PLAIN OAUTHBEARER\r\n.\r\n" : "-ERR\r\n");
    }
    for (std::size_t at = 0; at < octets.size(); at += piece) hear(octets.substr(at, piece));
    if (more) {
        session.eof();
        require(!run(session, owner, now, secure));
    }
    require(owner.finished);
    // A message needs its own end, an empty one just the dot.
    require(owner.complete <= count(octets, ".\r\n"));
    return 0;
}
