// The collecting session of IMAP under an arbitrary server, from four states: at the greeting, logged
// in, with messages listed and asked for, and at rest.
//
// What must hold: it always comes to Read or Close, Settle and Finished come at the end of every
// round, pieces fit together, a message is complete only when all its octets came, nothing is
// deleted that was not complete, and no secret is sent in clear.
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "imap/client_session.hpp"

using namespace mailhandler;

namespace {

struct Owner {
    bool in_message = false, settled = true, finished = false, resting = false;
    std::size_t complete = 0, octets = 0;
    std::vector<std::uint32_t> safe;

    wire::ClientAnswer answer(wire::ClientQuestion question) {
        if (std::holds_alternative<wire::Resting>(question)) {
            require(finished && !resting);
            resting = true;
            return wire::Rest{std::chrono::seconds(60)};
        }
        if (std::holds_alternative<wire::Resumed>(question)) {
            require(resting && !in_message);
            finished = resting = false;
            complete = 0;
            safe.clear();
            return wire::Done{};
        }
        require(!finished);
        if (auto* listed = std::get_if<wire::Listed>(&question)) {
            wire::Plan plan;
            for (std::uint32_t i = 0; i < listed->listing->count(); ++i) plan.fetch.push_back(i);
            return plan;
        }
        if (auto* received = std::get_if<wire::Received>(&question)) return take(*received);
        if (std::holds_alternative<wire::Settle>(question)) {
            settled = true;
            return wire::Progress{safe, false};
        }
        const auto& outcomes = std::get<wire::Finished>(question).outcomes;
        finished = true;
        in_message = false;
        require(settled && outcomes.fetched == complete);
        require(outcomes.deleted.size() <= complete);
        return wire::Done{};
    }
    wire::Progress take(const wire::Received& received) {
        settled = false;
        require(!received.pieces.empty());
        for (const auto& piece : received.pieces) {
            require(piece.first != in_message);
            in_message = piece.end == wire::Piece::End::more;
            octets += piece.octets.size();
            if (piece.end != wire::Piece::End::complete) continue;
            ++complete;
            safe.push_back(piece.index);
        }
        return {};
    }
};

struct Talk {
    imap::ClientSession session;
    Owner owner;
    Instant now{std::chrono::hours(1)};
    bool secure = false, more = true;

    bool run() {
        for (int actions = 0;; ++actions) {
            require(actions < 100'000);
            auto action = session.next(now);
            if (std::holds_alternative<wire::Read>(action)) return true;
            if (std::holds_alternative<wire::Close>(action)) return false;
            if (auto* send = std::get_if<wire::Send>(&action))
                require(secure || send->octets.find("AGEAYg==") == std::string::npos);
            if (auto* ask = std::get_if<wire::Ask<wire::ClientQuestion>>(&action))
                session.answer(owner.answer(std::move(ask->question)));
            if (std::holds_alternative<wire::StartTls>(action)) {
                secure = true;
                session.secured({});
            }
        }
    }
    void hear(std::string_view said) {
        if (!more) return;
        session.receive(said);
        more = run();
    }
};

constexpr const char* login =
    "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n"
    "a1 OK [CAPABILITY IMAP4rev1 UIDPLUS IDLE] in\r\n";
constexpr const char* listed =
    "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\na2 OK ok\r\n"
    "* 1 FETCH (UID 5 RFC822.SIZE 5)\r\n* 2 FETCH (UID 9 RFC822.SIZE 3)\r\na3 OK ok\r\n";
constexpr const char* empty = "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\na2 OK ok\r\na3 OK ok\r\n+ idle\r\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 2) return 0;
    const unsigned char how = data[0];
    const std::size_t piece = data[1] + 1u;
    const std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
    imap::ClientSettings settings;
    settings.login = "a";
    settings.secret = "b";
    settings.nonce = "n";
    settings.bearer = (how & 16) != 0 && (how & 3) == 0;
    settings.idle = (how & 32) != 0 || (how & 3) == 3;
    settings.listing = 1000;
    settings.window.chunk = 64;
    settings.window.messages = (how & 64) ? 1 : 512;
    settings.window.message_size = (how & 8) ? 256 : 0;
    const bool secure = (how & 3) != 0;
    Talk talk{imap::ClientSession(settings, {"192.0.2.1", 1, false, secure}), {}};
    talk.secure = secure;
    talk.more = talk.run();
    if (how & 3) talk.hear(login);
    if ((how & 3) == 2) talk.hear(listed);
    if ((how & 3) == 3) talk.hear(empty);
    for (std::size_t at = 0; at < octets.size(); at += piece) talk.hear(octets.substr(at, piece));
    if (talk.more && (how & 4)) {
        talk.now += std::chrono::hours(1);
        talk.more = talk.run();
    }
    if (talk.more) {
        talk.session.eof();
        require(!talk.run());
    }
    require(talk.owner.finished);
    require(talk.owner.octets <= octets.size() * 5 + 200);  // … and the words of refusals
    return 0;
}
