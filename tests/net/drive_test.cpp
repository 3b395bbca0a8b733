#include "net/drive.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "net/caller.hpp"
#include "net/toy.hpp"

using namespace std::chrono_literals;
using toy::Server;

namespace {

std::size_t resident() {  // octets
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    unsigned long size = 0, pages = 0;
    const int fields = std::fscanf(file, "%lu %lu", &size, &pages);
    std::fclose(file);
    return fields == 2 ? pages * 4096 : 0;
}

}  // namespace

TEST_CASE("A conversation goes to and fro until QUIT") {
    Server server;
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    caller.say("ECHO one\r\nECHO two\r\nEC");
    CHECK(caller.line() == "one");
    CHECK(caller.line() == "two");
    caller.say("HO three\r\nASK me\r\nQUIT\r\n");
    CHECK(caller.line() == "three");
    CHECK(caller.line() == "ANSWER me");
    CHECK(caller.line() == "BYE");
    CHECK(caller.line() == "<end>");
    caller.hang_up();
    CHECK(soon([&] { return server.diary().owners == 0; }));
    CHECK(server.talk().empty());
}

TEST_CASE("Questions are answered in their place") {
    Server server;
    Caller caller(server.port());
    caller.say("ASK a\r\nWORK b\r\nLOGIN c\r\nQUIT\r\n");
    CHECK(caller.line() == "HELLO");
    CHECK(caller.line() == "ANSWER a");
    CHECK(caller.line() == "ANSWER b");
    CHECK(caller.line() == "ANSWER c");
    CHECK(caller.line() == "BYE");
    CHECK_FALSE(server.diary().wrong_thread);
}

TEST_CASE("A pooled question does not hold up other connections") {
    Server server;
    Caller slow(server.port()), quick(server.port());
    std::unique_lock gate(server.diary().gate);
    slow.say("ECHO before\r\nWORK x\r\n");
    CHECK(slow.line() == "HELLO");
    CHECK(slow.line() == "before");  // sent before the wait
    quick.say("ECHO y\r\n");
    CHECK(quick.line() == "HELLO");
    CHECK(quick.line() == "y");
    gate.unlock();
    CHECK(slow.line() == "ANSWER x");
}

TEST_CASE("A pooled question outlives its peer") {
    Server server;
    std::unique_lock gate(server.diary().gate);
    {
        Caller caller(server.port());
        caller.say("WORK x\r\n");
        CHECK(caller.line() == "HELLO");
        CHECK(soon([&] { return server.diary().asked == 1; }));
    }
    std::this_thread::sleep_for(50ms);
    CHECK(server.diary().owners == 1);  // still in its frame
    CHECK(server.diary().worked == 0);
    gate.unlock();
    CHECK(soon([&] { return server.diary().owners == 0; }));
    CHECK(server.diary().worked == 1);
}

TEST_CASE("A pooled question runs to its end when the loop is stopped and taken down") {
    auto server = std::make_unique<Server>();
    const std::shared_ptr<toy::Diary> diary = server->diary_pointer();
    std::unique_lock gate(diary->gate);
    Caller caller(server->port()), idle(server->port());
    caller.say("WORK x\r\n");
    CHECK(idle.line() == "HELLO");
    CHECK(soon([&] { return diary->asked == 1; }));
    std::thread end([&] { server.reset(); });
    std::this_thread::sleep_for(50ms);
    CHECK(diary->owners == 2);
    gate.unlock();
    end.join();
    CHECK(diary->worked == 1);
    CHECK(diary->owners == 0);
}

TEST_CASE("A peer that has half-closed still hears its replies") {
    Server server;
    Caller caller(server.port());
    caller.say("ECHO x\r\n");
    caller.half_close();
    CHECK(caller.line() == "HELLO");
    CHECK(caller.line() == "x");
    CHECK(caller.line() == "<end>");
}

TEST_CASE("A deadline ends the conversation with the session's words") {
    Server server(Server::Options{.times = {.idle = 1s}});
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    for (int i = 0; i < 4; ++i) {  // each line extends it
        std::this_thread::sleep_for(300ms);
        caller.say("ECHO x\r\n");
        CHECK(caller.line() == "x");
    }
    const auto began = std::chrono::steady_clock::now();
    CHECK(caller.line() == "TIMEOUT");
    const auto waited = std::chrono::steady_clock::now() - began;
    CHECK(waited > 500ms);
    CHECK(waited < 5s);
    CHECK(caller.line() == "<end>");
}

TEST_CASE("A waiting session is woken, and a call that comes early is kept") {
    Server server;
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    server.last_handle().wake();  // it does not listen yet
    caller.say("ECHO x\r\n");
    CHECK(caller.line() == "x");
    CHECK(caller.line(100) == "<silence>");
    caller.say("IDLE\r\n");
    CHECK(caller.line() == "IDLING");
    CHECK(caller.line() == "WOKEN");
    caller.say("IDLE\r\n");
    CHECK(caller.line() == "IDLING");
    CHECK(caller.line(100) == "<silence>");
    server.last_handle().wake();
    CHECK(caller.line() == "WOKEN");
}

TEST_CASE("Draining reaches every session, and then nobody is left") {
    Server server;
    Caller one(server.port()), two(server.port());
    CHECK(one.line() == "HELLO");
    CHECK(two.line() == "HELLO");
    std::atomic<bool> empty{false};
    server.loop().post([&] {
        server.connections().drain();
        server.connections().when_empty([&] { empty = true; });
    });
    CHECK(one.line() == "DRAIN");
    CHECK(one.line() == "<end>");
    CHECK(two.line() == "DRAIN");
    one.hang_up();
    two.hang_up();
    CHECK(soon([&] { return empty.load(); }));
    Caller late(server.port());
    CHECK(late.line() == "FULL");
}

TEST_CASE("A handle that outlives its connection does nothing") {
    Server server;
    {
        Caller caller(server.port());
        CHECK(caller.line() == "HELLO");
    }
    CHECK(soon([&] { return server.diary().owners == 0; }));
    server.last_handle().wake();
    server.last_handle().abort();
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    server.last_handle().abort();
    CHECK(caller.line().substr(0, 1) == "<");
    CHECK(soon([&] { return server.diary().owners == 0; }));
}

TEST_CASE("A bug of ours ends one connection only") {
    Server server;
    Caller witness(server.port());
    CHECK(witness.line() == "HELLO");
    for (const char* bug : {"THROW\r\n", "ASK throw\r\n", "WORK throw\r\n"}) {
        Caller caller(server.port());
        caller.say(bug);
        std::string last = caller.line();
        while (last[0] != '<') last = caller.line();
        CHECK(last == "<reset>");
    }
    witness.say("ECHO still here\r\n");
    CHECK(witness.line() == "still here");
    CHECK(server.talk().find("a bug of ours: planted bug") != std::string::npos);
    CHECK(server.talk().find("planted bug in an answer") != std::string::npos);
}

TEST_CASE("A large body arrives whole in flat memory") {
    constexpr std::uint64_t size = 50u << 20;
    Server server;
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    const std::size_t before = resident();
    std::size_t most = 0;
    std::uint64_t at = 0;
    bool same = true;
    caller.say("BODY " + std::to_string(size) + "\r\nQUIT\r\n");
    const std::string end = caller.all([&](const std::string& octets) {
        for (std::size_t i = 0; i < octets.size() && at < size; ++i, ++at)
            same = same && octets[i] == toy::Numbers::octet(at);
        most = std::max(most, resident());
    });
    CHECK(end == "<end>");
    CHECK(at == size);
    CHECK(same);
    CHECK(most - std::min(most, before) < 8u << 20);
}

TEST_CASE("A body of lines with dots is stuffed and ended") {
    Server server;
    Caller caller(server.port());
    CHECK(caller.line() == "HELLO");
    caller.say("DOTS 128\r\nDOTS 300000\r\nQUIT\r\n");
    CHECK(caller.line().substr(0, 3) == "..a");
    CHECK(caller.line().substr(0, 3) == "..b");
    CHECK(caller.line() == ".");
    std::size_t lines = 0;
    std::string line = caller.line();
    for (; line != "." && line[0] != '<'; line = caller.line(), ++lines)
        if (line.substr(0, 2) != "..") FAIL(line);
    CHECK(line == ".");
    CHECK(lines == 300000 / 64 + 1);
    CHECK(caller.line() == "BYE");
}

TEST_CASE("A body that breaks resets the connection") {
    Server server;
    for (const char* size : {"1000", "1000000"}) {
        Caller caller(server.port());
        CHECK(caller.line() == "HELLO");
        caller.say(std::string("BROKEN ") + size + "\r\nQUIT\r\n");
        CHECK(caller.all([](const std::string&) {}) == "<reset>");
    }
    CHECK(soon([&] { return server.diary().owners == 0; }));
    CHECK(server.talk().find("planted failure") != std::string::npos);
}

TEST_CASE("A peer that reads nothing is cut") {
    Server server(Server::Options{.stalled = 1s});
    Caller caller(server.port(), 4096);
    caller.say("BODY 50000000\r\n");
    CHECK(soon([&] { return server.diary().owners == 1; }));
    CHECK(soon([&] { return server.diary().owners == 0; }));
    CHECK(server.talk().find("the peer took too long") != std::string::npos);
}

TEST_CASE("A flood on one connection leaves the others their turn") {
    Server server;
    Caller flood(server.port()), quiet(server.port());
    CHECK(quiet.line() == "HELLO");
    std::atomic<bool> stop{false};
    std::string lines;
    for (int i = 0; i < 4000; ++i) lines += "ASK x\r\n";
    std::thread reader([&] { flood.all([](const std::string&) {}); });
    std::thread writer([&] {
        while (!stop) flood.say(lines);
        flood.half_close();
    });
    for (int i = 0; i < 20; ++i) {
        quiet.say("ECHO x\r\n");
        CHECK(quiet.line() == "x");
    }
    stop = true;
    writer.join();
    reader.join();
}
