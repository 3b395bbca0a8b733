// What a large maildrop costs: beside the dialogs, which show what is said.
#include <catch2/catch.hpp>

#include "scripted_owner.hpp"
#include "support/made_maildrop.hpp"

using namespace mailhandler;

namespace {

// Answers everything from one list, and counts.
struct Bulk {
    std::shared_ptr<test::MadeMaildrop> maildrop = std::make_shared<test::MadeMaildrop>();
    std::size_t loads = 0, loaded = 0, sends = 0, largest = 0, octets = 0, bodies = 0;

    explicit Bulk(std::size_t messages) {
        for (std::size_t i = 0; i < messages; ++i)
            maildrop->add("1795411214.M123456P4711Q" + std::to_string(i) + ".mx1", 4096);
    }
    pop3::Answer answer(pop3::Question&& question) {
        if (std::holds_alternative<pop3::Open>(question))
            return pop3::Opened{pop3::Outcome::ok, "", maildrop};
        auto* load = std::get_if<pop3::Load>(&question);
        if (load == nullptr) return pop3::Verdict{};
        ++loads;
        loaded += load->wanted.size();
        static const auto body = std::make_shared<test::MemoryBody>(std::string(4096, 'x'));
        return pop3::Contents{
            std::vector<pop3::Content>(load->wanted.size(), pop3::Content{body, 4096, {}, {}})};
    }
    void run(pop3::ServerSession& session) {
        for (;;) {
            auto action = session.next(Instant{});
            if (std::holds_alternative<wire::Read>(action)) return;
            REQUIRE_FALSE(std::holds_alternative<wire::Close>(action));
            if (auto* send = std::get_if<wire::Send>(&action)) {
                ++sends;
                octets += send->octets.size();
                largest = std::max(largest, send->octets.size());
            }
            if (std::holds_alternative<wire::SendBody>(action)) ++bodies;
            if (auto* ask = std::get_if<wire::Ask<pop3::Question>>(&action))
                session.answer(answer(std::move(ask->question)));
        }
    }
};

pop3::ServerSession logged_in(Bulk& bulk) {
    pop3::ServerSession session(pop3::Settings{}, {"127.0.0.1", 1, true, false});
    session.receive("AUTH PLAIN AGEAYg==\r\n");
    bulk.run(session);
    bulk.sends = bulk.largest = bulk.octets = 0;
    return session;
}

}  // namespace

TEST_CASE("a list of a hundred thousand messages leaves in chunks") {
    Bulk bulk(100'000);
    auto session = logged_in(bulk);
    session.receive("UIDL\r\nLIST\r\n");
    bulk.run(session);
    CHECK(bulk.octets > 4'000'000);
    CHECK(bulk.largest <= 17 * 1024);
    CHECK(bulk.sends <= bulk.octets / (16 * 1024) + 8);
}

TEST_CASE("sixty-four pipelined RETRs are four questions") {
    Bulk bulk(64);
    auto session = logged_in(bulk);
    std::string commands;
    for (int i = 1; i <= 64; ++i) commands += "RETR " + std::to_string(i) + "\r\n";
    session.receive(commands);
    bulk.run(session);
    CHECK(bulk.loaded == 64);
    CHECK(bulk.loads == 4);
    CHECK(bulk.bodies == 64);
}

TEST_CASE("an answer that fits no question is a bug, and told as one") {
    pop3::ServerSession session(pop3::Settings{}, {"127.0.0.1", 1, true, false});
    CHECK_THROWS_AS(session.answer(pop3::Removed{}), std::logic_error);
    session.next(Instant{});
    CHECK_THROWS_AS(session.answer(pop3::Contents{}), std::logic_error);
}
