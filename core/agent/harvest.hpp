// What one run of fetch brought home from one account: for the summary, the exit status, and who
// decides when to come again.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace mailhandler::agent {

struct Harvest {
    std::string fetch;  // whose: fetch/<name>.toml

    std::uint64_t listed = 0;     // messages on the server
    std::uint64_t known = 0;      // of them collected before
    std::uint64_t recovered = 0;  // left by a crash, and finished first
    std::uint64_t fetched = 0;    // collected now and durable, whatever became of them
    std::uint64_t octets = 0;     // of them
    std::uint64_t again = 0;      // fetched, and known by their content
    std::map<std::string, std::uint64_t> placed;   // mailbox → copies
    std::map<std::string, std::uint64_t> held;     // reason → copies
    std::uint64_t dropped = 0;                     // recipients
    std::uint64_t bounced = 0;                     // … whose sender is told
    std::uint64_t forwarded = 0;                   // … who are elsewhere
    std::map<std::string, std::uint64_t> waiting;  // why messages stay on the server → how many
    std::uint64_t gone = 0;     // listed, but somebody else deleted them before they came
    std::uint64_t skipped = 0;  // refused by the server, or listed in a way nobody understands
    std::vector<std::string> complaints;  // about some of those, and other things worth a line
    std::uint64_t deleted = 0;            // on the server, and confirmed
    std::uint64_t left = 0;               // on the server, as far as it is known

    // A first run that placed none of its first messages: nothing was done. What the headers said.
    bool braked = false;
    std::vector<std::string> headers;

    std::optional<Fault> fault;  // why the run ended early
    std::chrono::duration<double> took{};

    std::uint64_t newly_held() const {
        std::uint64_t sum = 0;
        for (const auto& [reason, count] : held) sum += count;
        return sum;
    }
    // Something is left that a later run may bring home.
    bool unfinished() const { return fault || skipped != 0 || !waiting.empty(); }

    static constexpr std::size_t most_complaints = 8;
    void complain(std::string text) {
        if (complaints.size() < most_complaints) complaints.push_back(std::move(text));
    }
};

struct Judged;

// A message of a rehearsal, judged (sorting.hpp).
struct Rehearsed {
    const std::string& fetch;
    std::uint64_t number;  // the server's
    const Judged& judged;
};

// How far a run is. Written by the run, read by whoever draws it.
struct Progress {
    std::atomic<std::uint64_t> planned{0}, planned_octets{0};  // to fetch, as announced
    std::atomic<std::uint64_t> done{0}, done_octets{0};        // handed over by the session
};

}  // namespace mailhandler::agent
