// A fetch from listing to QUIT on a disk that forgets: wherever it is cut, its line breaks or its
// disk fails, after a clean run every copy is there once.
#include <catch2/catch.hpp>
#include <cerrno>
#include <fmt/format.h>

#include <functional>

#include "collecting_office.hpp"

using namespace collecting;

namespace {

struct Trial {
    std::function<void(ForgetfulDisk&)> crash;
    std::string keep = "0";
    Office::Sabotage sabotage = Office::Sabotage::none;
    std::function<void(ForgetfulDisk&)> lie = [](ForgetfulDisk&) {};
};

// Cuts a run at every step, crashes, then runs to the end twice; the first thing found wrong.
std::string cut_everywhere(const Trial& trial) {
    const std::string settings = office + "keep = \"" + trial.keep + "\"\n";
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        trial.lie(disk);
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::vector<Message> server = usual;
        disk.cut_at(disk.steps() + step);
        {
            Office first(disk, settings);
            // A machine that is cut off sends no QUIT.
            std::vector<Message> there = server;
            first.fetch(there, std::string::npos, trial.sabotage);
            if (!disk.is_cut() || trial.sabotage != Office::Sabotage::none) server = there;
        }
        if (!disk.is_cut()) return "";
        trial.crash(disk);
        for (int attempt = 0; attempt < 2; ++attempt) {
            Office again(disk, settings);
            again.names.next();
            for (int skip = 0; skip < 100 * (attempt + 1); ++skip) again.names.next();
            const auto harvest = again.fetch(server);
            if (!harvest || harvest->fault) return fmt::format("no recovery after step {}", step);
        }
        if (const std::string wrong = verdict(disk); !wrong.empty())
            return fmt::format("{} after step {}", wrong, step);
        if (server.size() != (trial.keep == "0" ? 0 : usual.size())) return "not deleted";
    }
}

// A mailbox that was collected under one UIDVALIDITY (0: by POP3) is numbered anew, and the run that
// finds it so is cut at every step, or its line is lost after each message.
std::string numbered_anew(std::uint64_t before, std::uint64_t after, bool by_line) {
    const std::string settings = office + "keep = \"forever\"\n";
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::vector<Message> server = usual;
        Office first(disk, settings);
        first.validity = before;
        first.fetch(server);
        for (Message& message : server) message.uidl = "1" + message.uidl;
        if (!by_line) disk.cut_at(disk.steps() + step);
        {
            Office second(disk, settings);
            second.validity = after;
            second.fetch(server, by_line ? step - 1 : std::string::npos);
        }
        const bool over = by_line ? step > usual.size() : !disk.is_cut();
        disk.crash();
        Office again(disk, settings);
        again.validity = after;
        const auto harvest = again.fetch(server);
        if (!harvest || harvest->fault) return fmt::format("no recovery after step {}", step);
        if (harvest->fetched != 0) return fmt::format("something twice after step {}", step);
        if (const std::string wrong = verdict(disk); !wrong.empty())
            return fmt::format("{} after step {}", wrong, step);
        if (over) return "";
    }
}

}  // namespace

TEST_CASE("A fetch that is cut at any step brings every message home once") {
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.kill(); }}) == "");
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.crash(); }}) == "");
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.crash(Survives::journal, 3); }}) == "");
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.kill(); }, "forever"}) == "");
}

TEST_CASE("A mailbox that is numbered anew brings nothing twice, wherever the run is cut") {
    for (const bool by_line : {false, true}) {
        CHECK(numbered_anew(7, 8, by_line) == "");
        CHECK(numbered_anew(0, 7, by_line) == "");
        CHECK(numbered_anew(7, 0, by_line) == "");
    }
}

TEST_CASE("Deleting before it is durable is caught, and so is a disk that lies") {
    Trial trial{[](ForgetfulDisk& disk) { disk.crash(); }};
    trial.sabotage = Office::Sabotage::delete_at_once;
    CHECK(cut_everywhere(trial) != "");
    Trial lying{[](ForgetfulDisk& disk) { disk.crash(Survives::journal, 3); }};
    lying.lie = [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); };
    CHECK(cut_everywhere(lying) != "");
}

TEST_CASE("A line that breaks after any message costs nothing") {
    for (std::size_t lost_at = 0; lost_at <= usual.size(); ++lost_at) {
        ForgetfulDisk disk;
        Office office_run(disk);
        std::vector<Message> server = usual;
        const auto broken = office_run.fetch(server, lost_at);
        CHECK(broken->fault->temporary);
        CHECK(broken->deleted == 0);
        CHECK(server.size() == usual.size());
        const auto whole = office_run.fetch(server);
        CHECK_FALSE(whole->fault);
        CHECK(whole->deleted == usual.size());
        CHECK(verdict(disk) == "");
        CHECK(office_run.events.size() == 7);
    }
}

TEST_CASE("A disk that fails stops the run for now, and nothing is deleted that is not safe") {
    for (const int error : {ENOSPC, EIO}) {
        for (std::size_t step = 1;; ++step) {
            ForgetfulDisk disk;
            REQUIRE(disk::make_directories(disk, "/root/mail"));
            std::vector<Message> server = usual;
            disk.fail_at(disk.steps() + step, error);
            const std::size_t before = disk.steps();
            {
                Office first(disk);
                const auto harvest = first.fetch(server);
                if (harvest && harvest->fault) CHECK(harvest->fault->temporary);
                if (first.fault) CHECK(first.fault->temporary);
            }
            if (disk.steps() < before + step) break;
            Office again(disk);
            for (int skip = 0; skip < 100; ++skip) again.names.next();
            REQUIRE(again.fetch(server));
            INFO(error << " at " << disk.step_name(before + step));
            CHECK(verdict(disk) == "");
            CHECK(server.empty());
        }
    }
}
