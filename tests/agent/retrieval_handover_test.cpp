// Another server takes the sorted mail: each copy with its own recipient, and what becomes of those
// it puts off or refuses.
#include <catch2/catch.hpp>

#include <map>

#include "collecting_office.hpp"

using namespace collecting;

namespace {

const std::string handing = office + "deliver = \"lmtp://127.0.0.1:24\"\n";

// The server that takes the sorted mail.
struct LocalServer {
    std::map<std::string, smtp::Reply> replies;              // else 250
    std::vector<std::pair<std::string, std::string>> taken;  // recipient, content
    bool down = false;
    ForgetfulDisk* cut_off = nullptr;

    agent::CallServer caller() {
        return [this](const std::string& server, agent::Handover& owner) {
            CHECK(server == "lmtp://127.0.0.1:24");
            return down ? std::optional<smtp::Reply>({451, "", "refused"}) : serve(owner);
        };
    }
    std::optional<smtp::Reply> serve(agent::Handover& owner) {
        for (;;) {
            const auto answer = owner.answer(smtp::WantMessage());
            if (!answer.message) return {};
            REQUIRE(answer.message->recipients.size() == 1);
            const std::string to = answer.message->recipients[0].address.given();
            std::string text(answer.message->body->size(), '\0');
            for (std::size_t at = 0; at < text.size();)
                at += *answer.message->body->read_at(at, text.data() + at, text.size() - at);
            const auto reply = replies.find(to);
            const bool refuses = reply != replies.end();
            // A process that was killed sends nothing.
            if (cut_off && cut_off->is_cut()) return smtp::Reply{451, "", "killed"};
            if (!refuses) taken.emplace_back(to, text);
            owner.answer(smtp::Outcome{{refuses ? reply->second : smtp::Reply{250, "", "ok"}}, {}});
        }
    }
    std::size_t count(const std::string& to, const std::string& body) const {
        std::size_t found = 0;
        for (const auto& [recipient, text] : taken)
            found += recipient == to && text.find("\r\n\r\n" + body) != text.npos;
        return found;
    }
};

}  // namespace

TEST_CASE("What another server takes is handed to it, each copy with its own recipient") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail"));
    Office here(disk, handing);
    LocalServer local;
    here.house.call_server = local.caller();
    std::vector<Message> server = usual;
    server.push_back({"5", "Return-Path: <x@y.example>\r\n" + to("anne@example.com", "fifth")});
    const auto harvest = here.fetch(server);
    REQUIRE(harvest);
    CHECK(server.empty());
    CHECK(local.taken.size() == 5);
    CHECK(local.count("anne@example.com", "second") == 1);
    CHECK(local.count("bob@example.com", "second") == 1);
    for (const auto& [to, text] : local.taken) {
        CHECK(
            text.starts_with("X-Rcpt-To: " + to + "\r\nX-POP3-Rcpt: " + to + "\r\nDelivered-To: "));
        CHECK(text.find("Return-Path") == text.npos);
        CHECK(text.find("\r\nReceived: by host.example; x\r\n") != text.npos);
    }
    CHECK(files_with(disk, "/new/", "") == 0);
    CHECK(files_with(disk, "/root/held/", "third") == 1);
}

TEST_CASE("What it puts off stays on the host, and nobody gets theirs twice") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail"));
    std::vector<Message> server = {{"1", to("bob@example.com", "zero")}, usual[1]};
    LocalServer local;
    local.replies["bob@example.com"] = {452, "4.2.2", "full"};
    for (int run = 0; run < 3; ++run) {
        Office here(disk, handing);
        here.house.call_server = local.caller();
        const auto harvest = here.fetch(server);
        REQUIRE(harvest);
        CHECK(server.size() == 2);
        CHECK(harvest->waiting.size() == 1);
        CHECK(local.taken.size() == 1);
    }
    local.down = true;
    Office down(disk, handing);
    down.house.call_server = local.caller();
    down.fetch(server);
    CHECK(server.size() == 2);
    local.down = false;
    local.replies.clear();
    Office last(disk, handing);
    last.house.call_server = local.caller();
    last.fetch(server);
    CHECK(server.empty());
    CHECK(local.count("anne@example.com", "second") == 1);
    CHECK(local.count("bob@example.com", "second") == 1);
    CHECK(local.count("bob@example.com", "zero") == 1);
}

TEST_CASE("What it refuses is treated as an unknown address, and the others get theirs") {
    for (const auto& [unknown, where] : std::map<std::string, std::string>{
             {"hold", "/root/held/"}, {"bounce", "/root/held/"}, {"drop", ""}}) {
        ForgetfulDisk disk;
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::string settings = handing;
        settings.replace(settings.find("unknown = \"hold\""), 16, "unknown = \"" + unknown + "\"");
        Office here(disk, settings);
        LocalServer local;
        here.house.call_server = local.caller();
        local.replies["bob@example.com"] = {550, "5.1.1", "No such user here"};
        std::vector<Message> server = {usual[1]};
        REQUIRE(here.fetch(server));
        CHECK(server.empty());
        CHECK(local.taken.size() == 1);
        CHECK(local.count("anne@example.com", "second") == 1);
        CHECK(files_with(disk, "/root/held/", "No such user here") == (where.empty() ? 0 : 1));
    }
}

TEST_CASE(
    "A hand-over that is cut at any step gives each recipient theirs, at most one of them twice") {
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::vector<Message> server = {usual[0], usual[1], {"5", to("bob@example.com", "fifth")}};
        LocalServer local;
        local.cut_off = &disk;
        disk.cut_at(disk.steps() + step);
        {
            Office first(disk, handing);
            first.house.call_server = local.caller();
            std::vector<Message> there = server;
            first.fetch(there, std::string::npos);
            if (!disk.is_cut()) break;
        }
        disk.crash();
        local.cut_off = nullptr;
        Office again(disk, handing);
        again.house.call_server = local.caller();
        REQUIRE(again.fetch(server));
        INFO("step " << step);
        CHECK(server.empty());
        CHECK(local.count("anne@example.com", "first") >= 1);
        CHECK(local.count("anne@example.com", "second") >= 1);
        CHECK(local.count("bob@example.com", "second") >= 1);
        CHECK(local.count("bob@example.com", "fifth") >= 1);
        CHECK(local.taken.size() <= 5);
    }
}
