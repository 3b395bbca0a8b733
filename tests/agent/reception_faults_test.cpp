// Receptions on a disk that is cut or broken at every single step. Each guarantee has a saboteur that
// must be caught.
#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>

#include "mailroom.hpp"
#include "support/cut_each_step.hpp"

using namespace mailhandler;
using test::ForgetfulDisk;
using test::Mail;
using test::Survives;
using test::TestRoom;

namespace {

const TestRoom::Domains domains = {
    {"example.com", "[default]\naction = \"deliver\"\n[mailbox.anne]\n[mailbox.bob]\n"},
};

// Each begins with its token and ends in END, so that what is torn shows.
std::string message(const std::string& token, std::size_t size) {
    return "X-Token: " + token + "\r\n\r\n" + std::string(size, 'x') + "\r\nEND\r\n";
}

const std::vector<Mail> mails = {
    {.recipients = {"zzz@example.com"}, .content = message("first", 20)},
    {.recipients = {"anne@example.com", "bob@example.com", "yyy@example.com"},
     .content = message("second", 20)},
    {.recipients = {"anne@example.com", "zzz@example.com"}, .content = message("third", 9000),
     .block = 4096},
};

std::string token_of(const Mail& mail) { return mail.content.substr(0, mail.content.find('\r')); }

// Is the message acknowledged?
using Deliver = std::function<bool(TestRoom&, const Mail&)>;

bool deliver(TestRoom& room, const Mail& mail) { return room.deliver(mail).back() == "250 2.0.0"; }

// The saboteur who says 250 and commits afterwards.
bool acknowledge_first(TestRoom& room, const Mail& mail) {
    room.deliver(mail);
    return true;
}

// What is wrong with what a crash left when the first `acknowledged` mails got their 250.
std::string verdict(const ForgetfulDisk& disk, std::size_t acknowledged) {
    const auto files = disk.files();
    for (const auto& [mailbox, text] : test::visible(files)) {
        if (!text.starts_with("Return-Path: <a@client.example>\r\nX-Rcpt-To: ") ||
            !text.ends_with("\r\nEND\r\n"))
            return "torn, in " + mailbox;
    }
    for (std::size_t i = 0; i < acknowledged; ++i) {
        std::size_t copies = 0;
        for (const auto& [mailbox, text] : test::visible(files))
            copies += text.find(token_of(mails[i])) != text.npos &&
                      text.ends_with(mails[i].content.substr(mails[i].content.find('\n')));
        if (copies != mails[i].recipients.size())
            return std::to_string(copies) + " copies of " + token_of(mails[i]);
    }
    return {};
}

std::string cut_everywhere(const Deliver& run, Survives survives, std::uint32_t seeds,
                           test::Sabotage sabotage = [](ForgetfulDisk&) {}) {
    ForgetfulDisk whole;
    TestRoom room(whole, domains);
    for (const Mail& mail : mails) run(room, mail);
    return test::cut_each_step(whole, seeds, sabotage, [&](ForgetfulDisk& disk, auto seed) {
        std::size_t acknowledged = 0;
        {
            TestRoom cut(disk, domains);
            for (const Mail& mail : mails) {
                if (!run(cut, mail)) break;
                ++acknowledged;
            }
        }
        disk.crash(survives, seed);
        std::string wrong = verdict(disk, acknowledged);
        TestRoom again(disk, domains);
        if (wrong.empty() && !run(again, mails[1])) wrong = "no mail";
        return wrong;
    });
}

}  // namespace

TEST_CASE("A power cut at any step of a reception loses nothing acknowledged, shows nothing torn") {
    CHECK(cut_everywhere(deliver, Survives::synced, 1) == "");
    CHECK(cut_everywhere(deliver, Survives::entries, 1) == "");
    CHECK(cut_everywhere(deliver, Survives::some, 20) == "");
    CHECK(cut_everywhere(deliver, Survives::journal, 10) == "");
}

TEST_CASE("The check finds a reception that answers before it commits") {
    CHECK(cut_everywhere(acknowledge_first, Survives::synced, 1) != "");
}

TEST_CASE("The check finds a disk under a reception whose syncs do nothing") {
    CHECK(cut_everywhere(deliver, Survives::entries, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); }) != "");
    CHECK(cut_everywhere(deliver, Survives::synced, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_directory_sync(); }) != "");
}

TEST_CASE("A fault at any step is a 4xx, shows no copy, and is over when the disk is well again") {
    for (const int error : {ENOSPC, EDQUOT, EIO, EMFILE, EROFS}) {
        const std::string expected =
            error == ENOSPC || error == EDQUOT ? "452 4.3.1" : "451 4.3.0";
        for (const Mail& mail : mails) {
            ForgetfulDisk whole;
            TestRoom healthy(whole, domains);
            REQUIRE(deliver(healthy, mail));
            for (std::size_t step = 1; step <= whole.steps(); ++step) {
                INFO(token_of(mail) << ", errno " << error << " at " << whole.step_name(step));
                ForgetfulDisk disk;
                TestRoom room(disk, domains);
                disk.fail_at(step, error);
                CHECK(room.deliver(mail).back() == expected);
                CHECK(disk.files().empty());
                CHECK(deliver(room, mail));
                CHECK(test::visible(disk.files()).size() == mail.recipients.size());
            }
        }
    }
}

TEST_CASE("A fault while a fault is cleaned up never shows one copy without the others") {
    const Mail& mail = mails[1];
    ForgetfulDisk whole;
    TestRoom healthy(whole, domains);
    REQUIRE(deliver(healthy, mail));
    for (std::size_t step = 1; step <= whole.steps(); ++step) {
        INFO(whole.step_name(step));
        ForgetfulDisk disk;
        TestRoom room(disk, domains);
        for (std::size_t later = step; later <= whole.steps() + 20; later += 3)
            disk.fail_at(later, EIO);
        // Only a rename that can be neither finished nor taken back may leave a copy; it is not
        // acknowledged.
        CHECK(room.deliver(mail).back() == "451 4.3.0");
    }
}
