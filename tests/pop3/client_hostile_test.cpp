// What a server may do in one packet, and how much memory it may cost: beside the dialogs, which
// are played octet by octet as well.
#include <catch2/catch.hpp>

#include "scripted_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

pop3::ClientSettings settings() {
    pop3::ClientSettings settings;
    settings.login = "anne";
    settings.secret = "secret";
    return settings;
}

const std::string logged_in =
    "+OK\r\n|+OK\r\nUIDL\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n|+OK\r\n|";
const std::string one_listed = logged_in + "+OK\r\n1 a\r\n.\r\n+OK\r\n1 3\r\n.\r\n|";

using Stage = test::Stage<pop3::ClientSession, test::ScriptedClientOwner>;

// Plays what the server says, in the pieces between bars; gives what was asked.
std::vector<std::string> play(const std::string& said, bool secure = true) {
    const wire::Peer peer{"192.0.2.1", 110, false, secure};
    Stage stage(pop3::ClientSession(settings(), peer), test::ScriptedClientOwner(Dialog()));
    std::string piece;
    for (const char c : said + "|") {
        if (c != '|') {
            piece += c;
            continue;
        }
        stage.hear(piece);
        piece.clear();
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

TEST_CASE("what comes unasked ends the run, and is never taken for an answer") {
    struct Row {
        const char* what;
        bool secure;
        std::string said;
        const char* cause;
    };
    const Row rows[] = {
        {"behind the greeting", false, "+OK\r\n+OK\r\nSTLS\r\n.\r\n", "before it is asked"},
        {"behind the capabilities", false, "+OK\r\n|+OK\r\nSTLS\r\n.\r\n+OK begin\r\n",
         "before it is asked"},
        {"behind the answer to STLS", false, "+OK\r\n|+OK\r\nSTLS\r\n.\r\n|+OK\r\n+OK\r\n.\r\n",
         "somebody is in the line"},
        {"half a line behind the answer to STLS", false,
         "+OK\r\n|+OK\r\nSTLS\r\n.\r\n|+OK\r\n+", "somebody is in the line"},
        {"behind the login", true, "+OK\r\n|-ERR\r\n|+OK\r\n|+OK\r\n+OK\r\n1 a\r\n.\r\n",
         "before it is asked"},
        {"behind the last message", true, one_listed + "+OK\r\na\r\n.\r\n+OK\r\n",
         "before it is asked"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const auto log = play(row.said, row.secure);
        CHECK(holds(log, row.cause));
        CHECK_FALSE(holds(log, "Complete"));
        CHECK_FALSE(holds(log, "Deleted"));
    }
}

TEST_CASE("an endless line costs no memory and ends the run") {
    const wire::Peer peer{"192.0.2.1", 995, false, true};
    Stage stage(pop3::ClientSession(settings(), peer), test::ScriptedClientOwner(Dialog()));
    stage.hear("+OK\r\n");
    stage.hear("+OK\r\n");
    std::size_t said = 0;
    for (; !stage.closed() && said < (64u << 20); said += 65536)
        stage.hear(std::string(65536, 'x'));
    CHECK(stage.closed());
    CHECK(said <= (2u << 20));
}

TEST_CASE("an endless message is handed on in chunks and never becomes complete") {
    struct Owner {
        std::size_t octets = 0, largest = 0, complete = 0;
        std::shared_ptr<const pop3::Listing> listing;
        pop3::ClientAnswer answer(pop3::ClientQuestion&& question) {
            if (std::holds_alternative<pop3::Listed>(question)) return pop3::Plan{{0}, {}};
            if (std::holds_alternative<pop3::Finished>(question)) return pop3::Done{};
            if (auto* received = std::get_if<pop3::Received>(&question)) {
                for (const auto& piece : received->pieces) {
                    octets += piece.octets.size();
                    largest = std::max(largest, piece.octets.size());
                    complete += piece.end == pop3::Piece::End::complete;
                }
            }
            return pop3::Progress{};
        }
    };
    const wire::Peer peer{"192.0.2.1", 995, false, true};
    test::Stage<pop3::ClientSession, Owner> stage(pop3::ClientSession(settings(), peer), Owner{});
    for (const char* said : {"+OK\r\n", "+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n", "+OK\r\n", "+OK\r\n",
                             "+OK\r\n1 a\r\n.\r\n+OK\r\n1 10\r\n.\r\n", "+OK\r\n"})
        stage.hear(said);
    const std::string block(65536, 'x');
    for (int i = 0; i < 256; ++i) stage.hear(block);
    stage.eof();
    CHECK(stage.owner().octets >= 255 * block.size() - 512 * 1024);
    CHECK(stage.owner().largest <= 512 * 1024);
    CHECK(stage.owner().complete == 0);
}

TEST_CASE("a hundred thousand messages are listed and planned quickly") {
    std::string uidls = "+OK\r\n", sizes = "+OK\r\n";
    for (int i = 1; i <= 100'000; ++i) {
        uidls += std::to_string(i) + " 1795411214.M123456P4711Q" + std::to_string(i) + ".mx1\r\n";
        sizes += std::to_string(i) + " 4096\r\n";
    }
    const auto log = play(logged_in + uidls + ".\r\n" + sizes + ".\r\n");
    REQUIRE_FALSE(log.empty());
    CHECK(log.front().find(" 100000:1795411214.M123456P4711Q100000.mx1:4096") != std::string::npos);
}
