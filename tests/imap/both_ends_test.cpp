// Our collecting end and our serving end, joined by two strings.
#include <catch2/catch.hpp>

#include "imap/client_session.hpp"
#include "imap/server_session.hpp"
#include "support/collector.hpp"
#include "toy_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

// Runs one end until it waits; what it sends is appended to `out`. False: it has closed.
template <class Session, class Owner>
bool run(Session& session, Owner& owner, std::string& out, bool& wakeable) {
    for (;;) {
        auto action = session.next(Instant{} + std::chrono::hours(1));
        if (const auto* read = std::get_if<wire::Read>(&action)) {
            wakeable = read->wakeable;
            return true;
        }
        if (std::holds_alternative<wire::Close>(action)) return false;
        if (auto* send = std::get_if<wire::Send>(&action)) out += send->octets;
        if (auto* send = std::get_if<wire::SendBody>(&action)) {
            std::string text(send->length, '\0');
            REQUIRE(send->body->read_at(send->offset, text.data(), text.size()));
            out += text;
        }
        if (auto* ask = std::get_if<wire::Ask<typename Session::Question>>(&action))
            session.answer(owner.answer(std::move(ask->question)));
    }
}

struct Both {
    explicit Both(Dialog dialog, bool idle)
        : client(settings(idle), {"192.0.2.1", 993, false, true}), office(Dialog()),
          server(imap::Settings{}, {"192.0.2.2", 4711, false, true}), host(std::move(dialog)) {}

    static imap::ClientSettings settings(bool idle) {
        imap::ClientSettings settings;
        settings.login = "anne";
        settings.secret = "secret";
        settings.idle = idle;
        return settings;
    }
    // Until both have closed, or both wait.
    void talk(std::size_t piece) {
        for (bool moved = true; moved && (client_open || server_open); ++turns) {
            REQUIRE(turns < 1000);
            std::string to_server, to_client;
            bool wakeable = false;
            if (server_open) server_open = run(server, host, to_client, wakeable);
            for (std::size_t at = 0; at < to_client.size() && client_open; at += piece) {
                client.receive(std::string_view(to_client).substr(at, piece));
                client_open = run(client, office, to_server, wakeable);
            }
            if (drain && client_open) {
                drain = false;
                client.drain();
                client_open = run(client, office, to_server, wakeable);
            }
            moved = !to_server.empty() || !to_client.empty();
            server.receive(to_server);
            if (!client_open && moved && to_server.empty()) server.eof();
        }
    }

    imap::ClientSession client;
    test::ScriptedCollector office;
    imap::ServerSession server;
    test::ToyOwner host;
    bool client_open = true, server_open = true, drain = false;
    std::size_t turns = 0;
};

}  // namespace

TEST_CASE("our office collects our host's mailbox octet for octet, in few turns") {
    for (const std::size_t piece : {7u, 1460u, 65536u}) {
        CAPTURE(piece);
        Dialog dialog;
        dialog.options["many"] = "2000";
        Both both(dialog, false);
        both.talk(piece);
        CHECK_FALSE(both.client_open);
        const auto& log = both.office.log();
        CHECK(std::count_if(log.begin(), log.end(), [](const std::string& line) {
                  return line.ends_with(" Subject: x\r\n\r\nbody\r\n");
              }) == 2000);
        CHECK(std::count(log.begin(), log.end(), "Complete") == 1);
        CHECK(std::count_if(log.begin(), log.end(), [](const std::string& line) {
                  return line.starts_with("Deleted 1 2 3 ") && line.ends_with(" 1999 2000");
              }) == 1);
        CHECK(both.office.unfinished() == "");
        CHECK(both.turns < 12);
    }
}

TEST_CASE("our office waits at our host by IDLE, and hears at once of what comes") {
    Dialog dialog;
    dialog.options["empty"] = "";
    dialog.answers.emplace_back("Refresh 3", "arrive Subject: y\r\n\r\nbody\r\n");
    Both both(dialog, true);
    both.talk(65536);
    REQUIRE(both.client_open);
    REQUIRE(both.office.log().back() == "Resting");
    const auto got = [&] {
        const auto& log = both.office.log();
        return std::count_if(log.begin(), log.end(), [](const std::string& line) {
            return line.starts_with("Got 1 Subject: y");
        });
    };
    for (int woken = 0; woken < 4 && got() == 0; ++woken) {
        both.server.wake();
        both.talk(65536);
    }
    CHECK(got() == 1);
    CHECK(both.office.log().back() == "Resting");
    both.drain = true;
    both.talk(65536);
    CHECK_FALSE(both.client_open);
}
