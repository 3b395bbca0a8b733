#include <catch2/catch.hpp>

#include "net/caller.hpp"
#include "net/toy.hpp"
#include "wire/deflate.hpp"

using namespace mailhandler;
using toy::Server;

namespace {

// The other end of a compressed line.
class Squeezed {
  public:
    explicit Squeezed(Caller& caller) : caller_(caller) {}
    void say(std::string_view text) {
        std::string octets;
        out_.write(text, octets);
        out_.flush(octets);
        caller_.say(octets);
    }
    // So many octets.
    std::string hear(std::size_t size) {
        std::string piece;
        while (heard_.size() < size) {
            REQUIRE(in_.read(piece, 65536));
            heard_ += piece;
            if (!piece.empty()) continue;
            std::string octets = caller_.some();
            if (octets.empty()) return heard_ + "<end>";
            sent_ += octets.size();
            in_.feed(std::move(octets));
        }
        const std::string text = heard_.substr(0, size);
        heard_.erase(0, size);
        return text;
    }
    std::size_t sent() const { return sent_; }

  private:
    Caller& caller_;
    wire::Deflater out_;
    wire::Inflater in_;
    std::string heard_;
    std::size_t sent_ = 0;
};

}  // namespace

TEST_CASE("A conversation goes on compressed, with large bodies and questions") {
    Server server;
    Caller caller(server.port());
    caller.say("ECHO before\r\nDEFLATE\r\n");
    CHECK(caller.line() == "HELLO");
    CHECK(caller.line() == "before");
    CHECK(caller.line() == "GO");
    Squeezed squeezed(caller);
    squeezed.say("ECHO one\r\nECHO two\r\n");
    CHECK(squeezed.hear(10) == "one\r\ntwo\r\n");
    squeezed.say("WORK x\r\nBODY 1000000\r\nECHO end\r\n");
    CHECK(squeezed.hear(10) == "ANSWER x\r\n");
    std::string body = squeezed.hear(1000000);
    bool same = true;
    for (std::size_t i = 0; i < body.size(); ++i) same = same && body[i] == toy::Numbers::octet(i);
    CHECK(same);
    CHECK(squeezed.hear(5) == "end\r\n");
    CHECK(squeezed.sent() < 100'000);
    squeezed.say("QUIT\r\n");
    CHECK(squeezed.hear(5) == "BYE\r\n");
    CHECK(squeezed.hear(1) == "<end>");
}

TEST_CASE("A little that becomes very much comes in pieces") {
    Server server;
    Caller caller(server.port());
    caller.say("DEFLATE\r\n");
    CHECK(caller.line() == "HELLO");
    CHECK(caller.line() == "GO");
    Squeezed squeezed(caller);
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += "ECHO x\r\n";
    squeezed.say(text);
    std::string expected;
    for (int i = 0; i < 50'000; ++i) expected += "x\r\n";
    CHECK(squeezed.hear(expected.size()) == expected);
}

TEST_CASE("What is no DEFLATE ends the connection") {
    Server server;
    Caller caller(server.port());
    caller.say("DEFLATE\r\n");
    CHECK(caller.line() == "HELLO");
    CHECK(caller.line() == "GO");
    caller.say("ECHO in clear, and more of it\r\n");
    const std::string end = caller.line();
    CHECK((end == "<end>" || end == "<reset>"));
    CHECK(soon([&] { return server.diary().owners == 0; }));
    CHECK(server.talk().find("cannot be decompressed") != std::string::npos);
}
