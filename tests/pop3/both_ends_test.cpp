// Our collecting end and our serving end, joined by two strings.
#include <catch2/catch.hpp>

#include "pop3/client_session.hpp"
#include "pop3/server_session.hpp"
#include "scripted_owner.hpp"
#include "wire/dot_stream.hpp"
#include "support/made_maildrop.hpp"

using namespace mailhandler;

namespace {

// Messages that are hard on line ends and dots.
std::string message(std::size_t number) {
    std::string text = "Subject: " + std::to_string(number) + "\r\n\r\n";
    for (std::size_t line = 0; line < number % 50; ++line)
        text += (line % 3 == 0 ? "." : "") + std::string(line * number % 90, 'x') + "\r\n";
    if (number % 7 == 0) text += ".\r\n..\r\n";
    return text;
}

struct Host {
    std::vector<std::string> messages;
    std::vector<std::uint32_t> removed;

    pop3::Answer answer(pop3::Question&& question) {
        if (std::holds_alternative<pop3::Open>(question)) {
            auto maildrop = std::make_shared<test::MadeMaildrop>();
            for (std::size_t i = 0; i < messages.size(); ++i)
                maildrop->add("uid-" + std::to_string(i), messages[i].size());
            return pop3::Opened{pop3::Outcome::ok, "", maildrop};
        }
        if (auto* load = std::get_if<pop3::Load>(&question)) {
            pop3::Contents contents;
            for (const auto& wanted : load->wanted) {
                const std::string& text = messages.at(wanted.index);
                contents.contents.push_back(
                    {std::make_shared<test::MemoryBody>(text), text.size(), {}, {}});
            }
            return contents;
        }
        if (auto* remove = std::get_if<pop3::Remove>(&question)) {
            removed = std::move(remove->indexes);
            return pop3::Removed{};
        }
        return pop3::Verdict{};
    }
};

struct Office {
    std::vector<std::string> messages;
    std::vector<std::uint32_t> safe;
    std::size_t questions = 0;
    pop3::Outcomes outcomes;

    pop3::ClientAnswer answer(pop3::ClientQuestion&& question) {
        ++questions;
        if (auto* listed = std::get_if<pop3::Listed>(&question)) {
            pop3::Plan plan;
            for (std::uint32_t i = 0; i < listed->listing->count(); ++i) plan.fetch.push_back(i);
            return plan;
        }
        pop3::Progress progress;
        if (auto* received = std::get_if<pop3::Received>(&question)) {
            for (auto& piece : received->pieces) {
                if (piece.first) messages.emplace_back();
                messages.back() += piece.octets;
                if (piece.end == pop3::Piece::End::complete) progress.remove.push_back(piece.index);
            }
        }
        if (auto* finished = std::get_if<pop3::Finished>(&question)) {
            outcomes = finished->outcomes;
            return pop3::Done{};
        }
        return progress;
    }
};

// Runs one end until it waits; what it sends is appended to `out`. False: it has closed.
template <class Session, class Owner>
bool run(Session& session, Owner& owner, std::string& out) {
    for (;;) {
        auto action = session.next(Instant{});
        if (std::holds_alternative<wire::Read>(action)) return true;
        if (std::holds_alternative<wire::Close>(action)) return false;
        if (auto* send = std::get_if<wire::Send>(&action)) out += send->octets;
        if (auto* send = std::get_if<wire::SendBody>(&action)) {
            std::string text(send->length, '\0');
            REQUIRE(send->body->read_at(0, text.data(), text.size()));
            wire::DotEncoder encoder;
            encoder.encode(text, out);
            encoder.finish(out);
        }
        if (auto* ask = std::get_if<wire::Ask<typename Session::Question>>(&action))
            session.answer(owner.answer(std::move(ask->question)));
    }
}

}  // namespace

TEST_CASE("our office collects our host's maildrop octet for octet, in few turns") {
    for (const std::size_t piece : {7u, 1460u, 65536u}) {
        CAPTURE(piece);
        Host host;
        for (std::size_t i = 0; i < 2000; ++i) host.messages.push_back(message(i));
        Office office;
        pop3::ClientSettings settings;
        settings.login = "anne";
        settings.secret = "secret";
        pop3::ClientSession client(settings, {"192.0.2.1", 995, false, true});
        pop3::ServerSession server(pop3::Settings{}, {"192.0.2.2", 4711, false, true});
        std::string to_server, to_client;
        bool client_open = true, server_open = true;
        std::size_t turns = 0;
        for (; client_open || server_open; ++turns) {
            REQUIRE(turns < 1000);
            if (server_open) server_open = run(server, host, to_client);
            for (std::size_t at = 0; at < to_client.size() && client_open; at += piece) {
                client.receive(std::string_view(to_client).substr(at, piece));
                client_open = run(client, office, to_server);
            }
            to_client.clear();
            server.receive(to_server);
            to_server.clear();
        }
        CHECK(office.messages == host.messages);
        CHECK(office.outcomes.complete);
        CHECK(office.outcomes.wrong_size == 0);
        CHECK(office.outcomes.deleted.size() == 2000);
        CHECK(host.removed.size() == 2000);
        CHECK(turns < 2000 / 16);
    }
}
