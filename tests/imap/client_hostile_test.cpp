// What a server may do in one packet, and how much memory it may cost: beside the dialogs.
#include <catch2/catch.hpp>

#include "imap/client_session.hpp"
#include "support/collector.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

imap::ClientSettings settings() {
    imap::ClientSettings settings;
    settings.login = "anne";
    settings.secret = "secret";
    return settings;
}

using Stage = test::Stage<imap::ClientSession, test::ScriptedCollector>;

const std::string logged_in =
    "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n|a1 OK [CAPABILITY IMAP4rev1] in\r\n|";
const std::string one_listed =
    logged_in +
    "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\na2 OK ok\r\n* 1 FETCH (UID 5 RFC822.SIZE 5)\r\na3 OK ok\r\n|";

// Plays what the server says, in the pieces between bars; gives what was asked.
std::vector<std::string> play(const std::string& said, bool secure = true) {
    const wire::Peer peer{"192.0.2.1", 143, false, secure};
    Stage stage(imap::ClientSession(settings(), peer), test::ScriptedCollector(Dialog()));
    for (std::size_t at = 0; at < said.size();) {
        const std::size_t bar = std::min(said.find('|', at), said.size());
        stage.hear(std::string_view(said).substr(at, bar - at));
        at = bar + 1;
    }
    if (!stage.closed()) stage.eof();
    CHECK(stage.complaint() == "");
    CHECK(stage.owner().unfinished() == "");
    return stage.owner().log();
}

bool holds(const std::vector<std::string>& log, const std::string& text) {
    return std::any_of(log.begin(), log.end(),
                       [&](const auto& line) { return line.find(text) != line.npos; });
}

}  // namespace

TEST_CASE("What stands in clear behind the answer to STARTTLS is never taken for the server's") {
    const std::string offered = "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n|";
    for (const std::string behind : {"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x\r\n", "+", "\r\n"}) {
        const auto log = play(offered + "a1 OK begin\r\n" + behind, false);
        CHECK(holds(log, "somebody is in the line"));
    }
    // An answer that comes before the question answers nothing.
    CHECK(holds(play("* OK [CAPABILITY IMAP4rev1] ready\r\na1 OK begin\r\n", false), "no TLS"));
    CHECK(holds(play("a1 OK begin\r\n" + offered, false), "not IMAP"));
}

TEST_CASE("An endless IMAP line costs no memory and ends the session") {
    const wire::Peer peer{"192.0.2.1", 993, false, true};
    Stage stage(imap::ClientSession(settings(), peer), test::ScriptedCollector(Dialog()));
    std::size_t said = 0;
    for (; !stage.closed() && said < (64u << 20); said += 65536)
        stage.hear(std::string(65536, 'x'));
    CHECK(stage.closed());
    CHECK(said <= (4u << 20));
}

TEST_CASE("Literals nobody asked for end the session before they cost much") {
    const wire::Peer peer{"192.0.2.1", 993, false, true};
    Stage stage(imap::ClientSession(settings(), peer), test::ScriptedCollector(Dialog()));
    stage.hear("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n");
    stage.hear("* X ");
    std::size_t said = 0;
    const std::string literal = "{1000000}\r\n" + std::string(1'000'000, '(');
    for (; !stage.closed() && said < (64u << 20); said += literal.size()) stage.hear(literal);
    CHECK(stage.closed());
    CHECK(said <= (8u << 20));
}

TEST_CASE("An endless IMAP message is handed on in chunks and never becomes complete") {
    struct Owner {
        std::size_t octets = 0, largest = 0, complete = 0;
        wire::ClientAnswer answer(wire::ClientQuestion&& question) {
            if (std::holds_alternative<wire::Listed>(question)) {
                wire::Plan plan;
                plan.fetch = {0};
                return plan;
            }
            if (std::holds_alternative<wire::Finished>(question)) return wire::Done{};
            if (auto* received = std::get_if<wire::Received>(&question)) {
                for (const auto& piece : received->pieces) {
                    octets += piece.octets.size();
                    largest = std::max(largest, piece.octets.size());
                    complete += piece.end == wire::Piece::End::complete;
                }
            }
            return wire::Progress{};
        }
    };
    const wire::Peer peer{"192.0.2.1", 993, false, true};
    test::Stage<imap::ClientSession, Owner> stage(imap::ClientSession(settings(), peer), Owner{});
    for (const char* said :
         {"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n", "a1 OK [CAPABILITY IMAP4rev1] in\r\n",
          "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\na2 OK ok\r\n* 1 FETCH (UID 5 RFC822.SIZE 5)\r\na3 OK ok\r\n",
          "* 1 FETCH (UID 5 BODY[] {9223372036854775807}\r\n"})
        stage.hear(said);
    const std::string block(65536, 'x');
    for (int i = 0; i < 256; ++i) stage.hear(block);
    stage.eof();
    CHECK(stage.owner().octets >= 255 * block.size() - 512 * 1024);
    CHECK(stage.owner().largest <= 512 * 1024);
    CHECK(stage.owner().complete == 0);
}

TEST_CASE("A hundred thousand messages are listed, planned and asked for quickly") {
    std::string listed = "* 100000 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\na2 OK ok\r\n";
    for (int i = 1; i <= 100'000; ++i)
        listed += "* " + std::to_string(i) + " FETCH (UID " + std::to_string(2 * i) + " RFC822.SIZE 4096)\r\n";
    const auto log = play(logged_in + listed + "a3 OK ok\r\n");
    REQUIRE_FALSE(log.empty());
    CHECK(log.front().find(" 100000:200000:4096") != std::string::npos);
}

TEST_CASE("A server that tells of mail over and over, but has none, is left") {
    auto patient = settings();
    patient.idle = true;
    const wire::Peer peer{"192.0.2.1", 993, false, true};
    Stage stage(imap::ClientSession(patient, peer), test::ScriptedCollector(Dialog()));
    stage.hear("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n");
    stage.hear("a1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n");
    stage.hear("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\na2 OK ok\r\na3 OK ok\r\n");
    unsigned tag = 4;
    for (unsigned round = 1; round < 1000 && !stage.closed(); ++round) {
        stage.hear("+ idling\r\n* " + std::to_string(round) + " EXISTS\r\n");
        stage.hear("a" + std::to_string(tag++) + " OK done\r\n");
        stage.hear("a" + std::to_string(tag++) + " OK listed\r\n");
    }
    CHECK(stage.closed());
    CHECK(tag < 200);
}
