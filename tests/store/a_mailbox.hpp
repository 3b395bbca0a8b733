// Mailboxes on a disk that forgets, with a clock that stands still until it is moved.
#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "store/folders.hpp"
#include "store/message_flags.hpp"
#include "support/forgetful_disk.hpp"

namespace mailhandler::test {

struct StandingClock final : Clock {
    WallTime wall_now{std::chrono::seconds(1'795'411'214)};
    Instant instant{std::chrono::seconds(1000)};
    Instant now() const override { return instant; }
    WallTime wall() const override { return wall_now; }
};

struct CountingRandom final : Random {
    std::uint64_t last = 0;
    std::uint64_t bits() override { return ++last; }
};

// One process over a disk. Two of them over one disk are two processes.
struct StoreProcess {
    explicit StoreProcess(disk::Disk& on, StandingClock& with, unsigned pid = 1)
        : store(on), names(with, "mx", pid),
          boxes({on, store, names, with, random,
                 Log([this](Severity, std::string_view text) { said.emplace_back(text); })}) {}

    store::Mailbox& inbox() { return at("/mail"); }
    store::Mailbox& at(const std::string& path) { return *boxes.at(path, "/mail"); }

    std::vector<std::string> said;
    CountingRandom random;
    store::Store store;
    store::UniqueNames names;
    store::Mailboxes boxes;
};

struct Post {
    ForgetfulDisk disk;
    StandingClock clock;
    Post() { REQUIRE(store::make_maildir(disk, "/mail")); }

    // As another program delivers; `path` below /mail, "new/1.a".
    void put(const std::string& path, const std::string& text = "x") {
        later();
        auto file = disk.create("/mail/" + path, 0600);
        REQUIRE(file);
        REQUIRE((*file)->write(text));
        REQUIRE((*file)->sync());
        REQUIRE(disk.sync_directory(disk::parent_path("/mail/" + path)));
    }
    void move(const std::string& from, const std::string& to) {
        later();
        REQUIRE(disk.rename("/mail/" + from, "/mail/" + to));
    }
    void drop(const std::string& path) {
        later();
        REQUIRE(disk.remove("/mail/" + path));
    }
    // Every change has a time of its own.
    void later(std::chrono::milliseconds by = std::chrono::milliseconds(5001)) {
        clock.wall_now += by;
        clock.instant += by;
        disk.set_time(clock.wall_now);
    }
    std::string text(const std::string& path) {
        return disk::read_file(disk, "/mail/" + path).value_or("(none)");
    }
};

// "1:new/1.a 2:cur/2.b:2,S"
inline std::string flat(const store::MessageList& list) {
    std::string text;
    for (const auto& each : list.messages) {
        if (!text.empty()) text += ' ';
        text += std::to_string(each.uid) + ':' +
                list.path(each).substr(list.maildir.size() + 1);
    }
    return text;
}

inline std::string flat(const Result<store::MessageListPointer>& list) {
    if (!list) return list.error().text();
    return flat(**list);
}

}  // namespace mailhandler::test
