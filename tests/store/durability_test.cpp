// Delivery on a disk that forgets: nothing acknowledged is lost, nothing torn becomes visible, all
// copies or none. Each guarantee has a saboteur that must be caught.
#include <catch2/catch.hpp>
#include <cerrno>

#include <atomic>
#include <chrono>
#include <thread>

#include "store/delivery.hpp"
#include "store/directory_syncs.hpp"
#include "support/cut_each_step.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;

namespace {

const std::string anne = "/mail/example.com/anne", bob = "/mail/example.com/bob";
const std::string content = "the whole message";

using Transaction = std::vector<std::pair<std::string, std::string>>;  // maildir, base name
const std::vector<Transaction> transactions = {
    {{anne, "1.a"}},
    {{anne, "2.a"}, {bob, "2.b"}, {anne, "2.c"}},  // bob's maildir is new
};

bool deliver(disk::Disk& disk, const Transaction& transaction) {
    std::vector<Delivery> deliveries;
    for (const auto& [maildir, name] : transaction) {
        const std::vector<std::string_view> pieces = {std::string_view(content).substr(0, 4)};
        auto written = Delivery::write(disk, maildir, name, pieces, nullptr,
                                       std::string_view(content).substr(4));
        if (!written) return false;
        deliveries.push_back(std::move(*written));
    }
    return Store(disk).commit(std::move(deliveries)).has_value();
}

// The saboteur who renames first and syncs afterwards.
bool rename_first(disk::Disk& disk, const Transaction& transaction) {
    for (const auto& [maildir, name] : transaction) {
        if (!make_maildir(disk, maildir)) return false;
        auto file = disk.create(maildir + "/tmp/" + name);
        if (!file || !(*file)->write(content)) return false;
        if (!disk.rename(maildir + "/tmp/" + name, maildir + "/new/" + name)) return false;
        if (!(*file)->sync() || !disk.sync_directory(maildir + "/new")) return false;
    }
    return true;
}

// The saboteur who says yes before the directory is synced.
bool acknowledge_early(disk::Disk& disk, const Transaction& transaction) {
    for (const auto& [maildir, name] : transaction) {
        if (!make_maildir(disk, maildir)) return false;
        auto file = disk.create(maildir + "/tmp/" + name);
        if (!file || !(*file)->write(content) || !(*file)->sync()) return false;
        if (!disk.rename(maildir + "/tmp/" + name, maildir + "/new/" + name)) return false;
    }
    return true;
}

bool visible(const ForgetfulDisk& disk, const std::string& maildir, const std::string& name) {
    for (const auto& [path, text] : disk.files()) {
        if (path.starts_with(maildir + "/new/" + name)) return true;
    }
    return false;
}

using Deliver = bool (*)(disk::Disk&, const Transaction&);

// What is wrong after a crash, when the first `acknowledged` transactions got their 250.
std::string verdict(const ForgetfulDisk& disk, std::size_t acknowledged) {
    for (const auto& [path, text] : disk.files()) {
        if (path.find("/new/") != path.npos && text != content) return "torn: " + path;
    }
    for (std::size_t count = 0; count < acknowledged; ++count) {
        for (const auto& [maildir, name] : transactions[count]) {
            if (!visible(disk, maildir, name)) return "lost: " + maildir + '/' + name;
        }
    }
    return {};
}

std::string cut_everywhere(Deliver run, Survives survives, std::uint32_t seeds,
                           test::Sabotage sabotage = [](ForgetfulDisk&) {}) {
    ForgetfulDisk whole;
    for (const Transaction& each : transactions) run(whole, each);
    return test::cut_each_step(whole, seeds, sabotage, [&](ForgetfulDisk& disk, auto seed) {
        std::size_t acknowledged = 0;
        for (const Transaction& each : transactions) {
            if (!run(disk, each)) break;
            ++acknowledged;
        }
        disk.crash(survives, seed);
        return verdict(disk, acknowledged);
    });
}

}  // namespace

TEST_CASE("A power cut at any step loses nothing acknowledged and shows nothing torn") {
    CHECK(cut_everywhere(deliver, Survives::synced, 1) == "");
    CHECK(cut_everywhere(deliver, Survives::entries, 1) == "");
    CHECK(cut_everywhere(deliver, Survives::some, 40) == "");
    CHECK(cut_everywhere(deliver, Survives::journal, 20) == "");
}

TEST_CASE("The check finds whoever renames before the sync") {
    CHECK(cut_everywhere(rename_first, Survives::entries, 1) != "");
    CHECK(cut_everywhere(rename_first, Survives::some, 40) != "");
}

TEST_CASE("The check finds whoever acknowledges before the directory is synced") {
    CHECK(cut_everywhere(acknowledge_early, Survives::synced, 1) != "");
}

TEST_CASE("The check finds a disk whose syncs do nothing") {
    CHECK(cut_everywhere(deliver, Survives::entries, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); }) != "");
    CHECK(cut_everywhere(deliver, Survives::synced, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_directory_sync(); }) != "");
}

TEST_CASE("A fault at any step is temporary and leaves all copies or none") {
    for (const int error : {EIO, ENOSPC, EDQUOT, EROFS, EMFILE, EACCES}) {
        ForgetfulDisk whole;
        REQUIRE(deliver(whole, transactions[1]));
        for (std::size_t step = 1; step <= whole.steps(); ++step) {
            INFO(error << " at " << whole.step_name(step));
            ForgetfulDisk disk;
            disk.fail_at(step, error);
            std::size_t seen = 0;
            const bool done = deliver(disk, transactions[1]);
            for (const auto& [path, text] : disk.files()) {
                CHECK((done || path.find("/tmp/") == path.npos));
                seen += path.find("/new/") != path.npos;
            }
            CHECK_FALSE(done);
            CHECK(seen == 0);
            CHECK(deliver(disk, transactions[1]));  // what failed once is not in the way
        }
    }
}

TEST_CASE("A message is never put over another of the same name") {
    ForgetfulDisk disk;
    REQUIRE(deliver(disk, transactions[0]));
    CHECK_FALSE(deliver(disk, transactions[0]));
    CHECK(disk.files().size() == 1);
}

TEST_CASE("Many commits into one directory share its syncs and all are durable") {
    ForgetfulDisk disk;
    REQUIRE(make_maildir(disk, anne));
    disk.take_time(std::chrono::microseconds(200));
    Store store(disk);
    std::atomic<unsigned> done{0};
    std::vector<std::thread> threads;
    constexpr unsigned each = 20;
    for (unsigned thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&, thread] {
            for (unsigned count = 0; count < each; ++count) {
                const std::string name = std::to_string(thread) + '.' + std::to_string(count);
                auto written = Delivery::write(disk, anne, name, {}, nullptr, content);
                if (!written) continue;
                std::vector<Delivery> deliveries;
                deliveries.push_back(std::move(*written));
                if (store.commit(std::move(deliveries))) ++done;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(done == 8 * each);
    CHECK(disk.file_syncs() == 8 * each);
    CHECK(disk.directory_syncs(anne + "/new") < 8 * each);
    disk.crash();
    std::size_t seen = 0;
    for (const auto& [path, text] : disk.files()) {
        seen += path.find("/new/") != path.npos && text == content;
    }
    CHECK(seen == 8 * each);
}

TEST_CASE("A shared directory sync that fails fails for all who waited for it") {
    ForgetfulDisk disk;
    DirectorySyncs syncs(disk);
    REQUIRE(disk::make_directories(disk, "/d"));
    disk.take_time(std::chrono::milliseconds(20));
    for (std::size_t step = disk.steps() + 1; step < disk.steps() + 100; ++step) {
        disk.fail_at(step, EIO);
    }
    std::atomic<unsigned> failed{0};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&] { failed += syncs.sync("/d").has_value() ? 0 : 1; });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failed == 8);
}

// build/tests/test_store "[bench]"
TEST_CASE("How many commits a second the disk carries", "[.bench]") {
    const auto disk = disk::system_disk();
    const std::string message(4096, 'x');
    for (const unsigned threads : {1u, 8u, 32u}) {
        for (const unsigned copies : {1u, 20u}) {
            const mailhandler::test::TemporaryDirectory root;
            Store store(*disk);
            const unsigned each = 2000 / threads / copies + 1;
            const auto begin = std::chrono::steady_clock::now();
            std::vector<std::thread> pool;
            for (unsigned thread = 0; thread < threads; ++thread) {
                pool.emplace_back([&, thread] {
                    for (unsigned count = 0; count < each; ++count) {
                        std::vector<Delivery> deliveries;
                        for (unsigned copy = 0; copy < copies; ++copy) {
                            const std::string name = std::to_string(thread) + '.' +
                                                     std::to_string(count) + '.' +
                                                     std::to_string(copy);
                            deliveries.push_back(*Delivery::write(
                                *disk, root / "mail/example.com/" + std::to_string(copy), name, {},
                                nullptr, message));
                        }
                        if (!store.commit(std::move(deliveries))) std::abort();
                    }
                });
            }
            for (std::thread& thread : pool) thread.join();
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
            WARN(threads << " threads, " << copies << " copies: "
                         << static_cast<unsigned>(threads * each / took.count()) << " commits/s, "
                         << static_cast<unsigned>(threads * each * copies / took.count())
                         << " copies/s");
        }
    }
}
