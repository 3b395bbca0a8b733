// What a client may say in one go, and how much memory it may cost: beside the dialogs.
#include <catch2/catch.hpp>
#include <malloc.h>

#include "imap/server_session.hpp"
#include "toy_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

constexpr std::size_t piece = 64 * 1024, enough = 64u << 20, flat = 1u << 20;

// A client that talks without end: what it said until the session closed, and the most that the
// process held meanwhile beyond what it held before. (A sanitizer's allocator tells 0.)
struct Talk {
    std::size_t said = 0, held = 0;
    bool closed = false;
    std::string answered;
};

using Stage = test::Stage<imap::ServerSession, test::ToyOwner>;

Talk talk(const std::vector<std::string>& before, const std::string& again,
          std::size_t most = enough) {
    const wire::Peer peer{"192.0.2.1", 993, false, true};
    imap::Settings settings;
    settings.hostname = "mail.example.com";
    Stage stage(imap::ServerSession(settings, peer), test::ToyOwner(Dialog()));
    for (const auto& each : before) stage.hear(each);
    Talk talk;
    const std::size_t begin = mallinfo2().uordblks;
    while (!stage.closed() && talk.said < most) {
        stage.hear(again);
        talk.said += again.size();
        talk.answered = stage.take_output();
        talk.held =
            std::max(talk.held, mallinfo2().uordblks - std::min(begin, mallinfo2().uordblks));
    }
    talk.closed = stage.closed();
    return talk;
}

const std::string login = "a LOGIN anne secret\r\n";

}  // namespace

TEST_CASE("Before a login neither a line nor a literal without end costs memory") {
    for (const std::string begin :
         {"", "a LOGIN ", "a LOGIN \"", "a SEARCH ", "a APPEND INBOX "}) {
        for (const char c : {'x', '(', '"', '\\', '{', '\0', '\xff', ' '}) {
            INFO(begin << c);
            const Talk line = talk({begin}, std::string(piece, c));
            CHECK(line.closed);
            CHECK(line.said <= 2 * piece);
            CHECK(line.held < flat);
        }
    }
    for (const char* size :
         {"8193+", "1000000+", "4294967295+", "4294967296+", "9223372036854775807+",
          "18446744073709551616+", "99999999999999999999999+"}) {
        for (const std::string begin :
             {"a LOGIN ", "a APPEND INBOX ", "a ID (\"x\" ", "{3+}\r\nabc "}) {
            INFO(begin << size);
            const Talk literal = talk({begin + '{' + size + "}\r\n"}, std::string(piece, '('));
            CHECK(literal.closed);
            CHECK(literal.said == 0);
            CHECK(literal.held < flat);
        }
    }
}

TEST_CASE("Literals that wait and are refused cost nothing, however many and however large") {
    const Talk refused = talk({}, "a LOGIN {4294967296}\r\n", 1u << 20);
    CHECK(refused.closed);  // too many errors
    CHECK(refused.held < flat);
    const Talk small = talk({"a LOGIN "}, "{100+}\r\n" + std::string(100, 'x') + ' ');
    CHECK(small.closed);
    CHECK(small.said < 64 * 1024);
    CHECK(small.held < flat);
}

TEST_CASE("After a login a command is bounded too, whatever it consists of") {
    for (const std::string& again : {std::string(piece, '('), std::string(piece, 'x'),
                                     "{1000+}\r\n" + std::string(1000, '(') + ' '}) {
        const Talk command = talk({login, "b SELECT INBOX\r\n", "c SEARCH "}, again);
        CHECK(command.closed);
        CHECK(command.said < 8u << 20);
        CHECK(command.held < 16u << 20);
    }
    const Talk flood = talk({login}, "b " + std::string(7000, '(') + "\r\n");
    CHECK(flood.closed);  // too many errors
    CHECK(flood.held < flat);
    const Talk nested = talk({login, "b SELECT INBOX\r\n"},
                             "c SEARCH " + std::string(3000, '(') + "ALL\r\n", 1u << 20);
    CHECK(nested.held < flat);
    std::string deep = "c SEARCH ";
    for (int i = 0; i < 1500; ++i) deep += "NOT ";
    CHECK(talk({login, "b SELECT INBOX\r\n"}, deep + "ALL\r\n", 1u << 20).held < flat);
}

TEST_CASE("A message that is refused is taken off the line and kept nowhere") {
    const Talk refused =
        talk({login, "b APPEND nowhere {50000000+}\r\n"}, std::string(piece, 'x'), 40u << 20);
    CHECK_FALSE(refused.closed);
    CHECK(refused.said >= 40u << 20);
    CHECK(refused.held < flat);
    CHECK(refused.answered.empty());
}

TEST_CASE("What is appended is handed on in pieces, and never held whole") {
    struct Owner {
        std::size_t octets = 0, largest = 0;
        std::vector<std::string> log() const { return {}; }
        std::string unfinished() const { return {}; }
        imap::Answer answer(imap::Question question) {
            if (const auto* part = std::get_if<imap::AppendOctets>(&question)) {
                octets += part->octets.size();
                largest = std::max(largest, part->octets.size());
            }
            return imap::Verdict{};
        }
    };
    imap::Settings settings;
    settings.hostname = "mail.example.com";
    test::Stage<imap::ServerSession, Owner> stage(
        imap::ServerSession(settings, {"192.0.2.1", 993, false, true}), Owner{});
    stage.hear(login);
    stage.hear("b APPEND INBOX {50000000+}\r\n");
    for (std::size_t said = 0; said < 40u << 20; said += piece) stage.hear(std::string(piece, 'x'));
    CHECK(stage.owner().octets > 38u << 20);
    CHECK(stage.owner().largest < 2u << 20);
}
