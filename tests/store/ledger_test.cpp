// A fetch that is killed or loses power at any step, then started again and again until it is done:
// every message arrives, and arrives once.
#include "store/ledger.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include <chrono>

#include "store/content_hash.hpp"
#include "store/ledger_record.hpp"
#include "store/maildir.hpp"
#include "store/maildir_listing.hpp"
#include "support/cut_each_step.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;

namespace {

const Layout layout("/root");
const Account account{"mail.example", "example.com"};

struct Message {
    std::string uid, content;
    std::vector<std::string> recipients;
};

const std::vector<Message> on_server = {
    {"1", "first message", {"anne"}},
    {"2", "second message", {"anne", "bob"}},
    {"3", "to nobody", {}},
    {"4", "third message", {"carol"}},
};

MessageId id_of(const std::string& uid, std::uint64_t validity = 7) {
    return {"INBOX", validity, uid};
}

std::string maildir_of(const std::string& recipient) {
    return layout.mail_dir() + "/example.com/" + recipient;
}

Collected collect(const Message& message, unsigned& unique) {
    ContentHash hash;
    hash.add(message.content);
    Collected collected{id_of(message.uid), message.content.size(), hash.text(), {}};
    for (const std::string& recipient : message.recipients) {
        auto copy = copy_to_maildir(layout, "example.com", recipient, maildir_of(recipient),
                                    std::to_string(++unique) + ".unique",
                                    {"To: " + recipient + "\n" + message.content});
        collected.copies.push_back(std::move(*copy));
    }
    return collected;
}

// One run of fetch, with the server's mailbox as `server`: true when it got to its end.
bool fetch(disk::Disk& disk, std::vector<Message>& server, unsigned& unique) {
    auto ledger = Ledger::open(disk, layout, account);
    if (!ledger || !ledger->recover()) return false;
    std::vector<Collected> batch;
    for (const Message& message : server) {
        if (!ledger->known(id_of(message.uid))) batch.push_back(collect(message, unique));
    }
    if (!ledger->deliver(std::move(batch))) return false;
    std::erase_if(server, [&](const Message& message) {
        const auto known = ledger->known(id_of(message.uid));
        return known && known->state == Known::State::done;
    });
    ListedUids listed;
    for (const Message& message : server) listed.add(message.uid);
    return ledger->forget_unlisted("INBOX", 7, listed, true).has_value();
}

// What is wrong with the mail that arrived; empty: every copy is there once and whole.
std::string verdict(const ForgetfulDisk& disk) {
    std::map<std::string, unsigned> wanted;
    for (const Message& message : on_server) {
        for (const std::string& recipient : message.recipients) {
            wanted["To: " + recipient + "\n" + message.content] = 0;
        }
    }
    for (const auto& [path, content] : disk.files()) {
        if (path.find("/new/") == path.npos) continue;
        if (!wanted.contains(content)) return "torn: " + path;
        ++wanted[content];
    }
    for (const auto& [content, count] : wanted) {
        if (count != 1) return (count == 0 ? "lost: " : "doubled: ") + content;
    }
    return {};
}

struct Trial {
    Survives survives;
    bool kill;
    std::uint32_t seeds;
    test::Sabotage sabotage = [](ForgetfulDisk&) {};
};

// Cuts a first fetch at every step, crashes, fetches to the end; returns the first fault found.
std::string cut_everywhere(const Trial& trial) {
    ForgetfulDisk whole;
    std::vector<Message> server = on_server;
    unsigned unique = 0;
    if (!disk::make_directories(whole, "/root/mail") || !fetch(whole, server, unique)) return "ran";
    return test::cut_each_step(
        whole, trial.seeds, trial.sabotage, [&](ForgetfulDisk& disk, auto seed) -> std::string {
            server = on_server;
            unique = 0;
            if (disk::make_directories(disk, "/root/mail")) fetch(disk, server, unique);
            if (trial.kill) {
                disk.kill();
            } else {
                disk.crash(trial.survives, seed);
            }
            for (int attempt = 0; attempt < 2; ++attempt) {
                if (!fetch(disk, server, unique)) return "no recovery";
            }
            return verdict(disk);
        });
}

}  // namespace

TEST_CASE("A fetch cut at any step neither loses nor doubles a message") {
    CHECK(cut_everywhere({Survives::synced, true, 1}) == "");    // SIGKILL
    CHECK(cut_everywhere({Survives::synced, false, 1}) == "");   // power cut, the strict disk
    CHECK(cut_everywhere({Survives::journal, false, 15}) == "");  // power cut, as ext4 leaves it
}

TEST_CASE("The ledger's check finds a disk that does not sync") {
    CHECK(cut_everywhere({Survives::journal, false, 15,
                          [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); }}) != "");
    CHECK(cut_everywhere({Survives::synced, false, 1,
                          [](ForgetfulDisk& disk) { disk.lie_about_directory_sync(); }}) != "");
}

TEST_CASE("A fetch that fails at any step goes on where it stopped, exactly once") {
    for (const int error : {EIO, ENOSPC}) {
        ForgetfulDisk whole;
        std::vector<Message> server = on_server;
        unsigned unique = 0;
        REQUIRE(disk::make_directories(whole, "/root/mail"));
        REQUIRE(fetch(whole, server, unique));
        for (std::size_t step = 5; step <= whole.steps(); ++step) {
            INFO(error << " at " << whole.step_name(step));
            ForgetfulDisk disk;
            server = on_server;
            disk.fail_at(step, error);
            REQUIRE(disk::make_directories(disk, "/root/mail"));
            fetch(disk, server, unique);
            CHECK(fetch(disk, server, unique));
            CHECK(verdict(disk) == "");
            disk.crash();
            CHECK(fetch(disk, server, unique));
            CHECK(verdict(disk) == "");
        }
    }
}

TEST_CASE("A call that failed half way is finished by the next one") {
    ForgetfulDisk whole;
    unsigned unique = 0;
    const auto batch = [&] {
        std::vector<Collected> collected;
        for (const Message& message : on_server) collected.push_back(collect(message, unique));
        return collected;
    };
    auto first = Ledger::open(whole, layout, account);
    REQUIRE(first->deliver(batch()));
    for (std::size_t step = 1; step <= whole.steps(); ++step) {
        ForgetfulDisk disk;
        INFO(whole.step_name(step));
        disk.fail_at(step, ENOSPC);
        for (int attempt = 0; attempt < 4; ++attempt) {
            auto ledger = Ledger::open(disk, layout, account);
            if (!ledger) continue;
            if (!ledger->deliver(batch())) (void)ledger->deliver(batch());
        }
        CHECK(verdict(disk) == "");
    }
}

TEST_CASE("One account is collected by one process at a time") {
    ForgetfulDisk disk;
    const auto first = Ledger::open(disk, layout, account);
    REQUIRE(first);
    const auto second = Ledger::open(disk, layout, account);
    REQUIRE_FALSE(second);
    CHECK(second.error().temporary);
    CHECK(Ledger::open(disk, layout, account, Ledger::Use::look));
    CHECK(Ledger::open(disk, layout, {"mail.example", "../" + std::string(300, 'x')}));
}

TEST_CASE("Looking at a ledger changes nothing") {
    ForgetfulDisk disk;
    auto ledger = Ledger::open(disk, layout, account, Ledger::Use::look);
    REQUIRE(ledger);
    CHECK_FALSE(ledger->recover());
    CHECK_FALSE(ledger->deliver({}));
    CHECK(disk.steps() == 0);
}

TEST_CASE("A UID that comes back with other content is a new message") {
    ForgetfulDisk disk;
    unsigned unique = 0;
    auto ledger = Ledger::open(disk, layout, account);
    std::vector<Collected> batch;
    batch.push_back(collect({"1", "one", {"anne"}}, unique));
    batch.push_back(collect({"1", "one", {"anne"}}, unique));    // listed twice
    batch.push_back(collect({"1", "other", {"anne"}}, unique));  // the UID used again
    REQUIRE(ledger->deliver(std::move(batch)));
    CHECK(list_maildir(disk, maildir_of("anne")).value().size() == 2);
    CHECK(ledger->known(id_of("1"))->size == 5);
}

TEST_CASE("After a UIDVALIDITY change as many are known as were, not more") {
    ForgetfulDisk disk;
    unsigned unique = 0;
    auto ledger = Ledger::open(disk, layout, account);
    std::vector<Collected> batch;
    for (const char* uid : {"1", "2"}) batch.push_back(collect({uid, "same", {"anne"}}, unique));
    const std::string hash = batch[0].hash;
    REQUIRE(ledger->deliver(std::move(batch)));
    const auto adopted = [&](std::vector<Ledger::Sighting> messages) {
        return ledger->adopt(messages).value();
    };
    CHECK(adopted({{id_of("10", 8), 5, hash}}) == std::vector{false});
    CHECK(adopted({{id_of("10", 8), 4, hash}, {id_of("9", 8), 4, "other"}}) ==
          std::vector{true, false});
    CHECK(adopted({{id_of("11", 8), 4, hash}, {id_of("12", 8), 4, hash}}) ==
          std::vector{true, false});
    CHECK(adopted({{id_of("13", 8), 4, hash}}) == std::vector{false});
    *ledger = *Ledger::open(disk, Layout("/other"), account);
    auto again = Ledger::open(disk, layout, account);
    CHECK(again->known(id_of("10", 8)));
    CHECK_FALSE(again->known(id_of("1")));
    CHECK(again->forget_unlisted("Other", 8, {}, true).value() == 0);
    CHECK(again->forget_unlisted("INBOX", 9, {}, false).value() == 0);
    CHECK(again->forget_unlisted("INBOX", 9, {}, true).value() == 2);
    CHECK(again->size() == 0);
}

TEST_CASE("What came by POP3 is known by its content when it is listed by IMAP, and the other way") {
    ForgetfulDisk disk;
    unsigned unique = 0;
    auto ledger = Ledger::open(disk, layout, account);
    std::vector<Collected> batch;
    for (const char* uid : {"a", "b"}) batch.push_back(collect({uid, uid, {"anne"}}, unique));
    for (Collected& each : batch) each.id = {"", 0, each.id.uid};
    const std::string first = batch[0].hash, second = batch[1].hash;
    const auto size = batch[0].size;
    REQUIRE(ledger->deliver(std::move(batch)));
    const std::vector<Ledger::Sighting> listed = {{id_of("1", 7), size, first},
                                                  {{"Other", 7, "2"}, size, second}};
    CHECK(ledger->adopt(listed).value() == std::vector{true, false});
    *ledger = *Ledger::open(disk, Layout("/other"), account);
    auto again = Ledger::open(disk, layout, account);
    CHECK(again->known(id_of("1", 7)));
    CHECK_FALSE(again->known({"", 0, "a"}));
    const std::vector<Ledger::Sighting> back = {{{"", 0, "x"}, size, first}};
    CHECK(again->adopt(back).value() == std::vector{true});
    CHECK(again->known({"", 0, "x"}));
}

TEST_CASE("What is leaving and when it came is known to the next run") {
    ForgetfulDisk disk;
    unsigned unique = 0;
    const WallTime when(std::chrono::seconds(1'795'411'214));
    auto ledger = Ledger::open(disk, layout, account);
    std::vector<Collected> batch;
    for (const char* uid : {"1", "2"}) batch.push_back(collect({uid, uid, {"anne"}}, unique));
    batch.push_back(collect({"3", "to nobody", {}}, unique));
    for (Collected& each : batch) each.when = when;
    REQUIRE(ledger->deliver(std::move(batch)));
    const std::vector<MessageId> leave = {id_of("1"), id_of("unknown")};
    REQUIRE(ledger->leaving(leave));
    const auto steps = disk.steps();
    REQUIRE(ledger->leaving(leave));
    CHECK(disk.steps() == steps);  // said already
    *ledger = *Ledger::open(disk, Layout("/other"), account);
    auto again = Ledger::open(disk, layout, account);
    REQUIRE(again->damaged() == 0);
    CHECK(again->known(id_of("1"))->leaving);
    CHECK_FALSE(again->known(id_of("2"))->leaving);
    for (const char* uid : {"1", "2", "3"}) CHECK(again->known(id_of(uid))->since == when);
    batch.clear();
    batch.push_back(collect({"1", "another", {"anne"}}, unique));
    REQUIRE(again->deliver(std::move(batch)));
    CHECK_FALSE(again->known(id_of("1"))->leaving);
}

TEST_CASE("What a crash left staged keeps the time it came") {
    ForgetfulDisk disk;
    unsigned unique = 0;
    const WallTime when(std::chrono::seconds(1'795'411'214));
    const auto deliver = [&](ForgetfulDisk& on) {
        auto ledger = Ledger::open(on, layout, account);
        std::vector<Collected> batch;
        batch.push_back(collect({"1", "one", {"anne", "bob"}}, unique));
        batch[0].when = when;
        return ledger->deliver(std::move(batch)).has_value();
    };
    ForgetfulDisk whole;
    REQUIRE(deliver(whole));
    std::size_t step = whole.steps();
    while (!whole.step_name(step).starts_with("rename")) --step;
    disk.fail_at(step, EIO);
    REQUIRE_FALSE(deliver(disk));
    auto ledger = Ledger::open(disk, layout, account);
    CHECK(ledger->known(id_of("1"))->state == Known::State::staged);
    CHECK(ledger->recover().value() == 1);
    CHECK(ledger->known(id_of("1"))->since == when);
}

TEST_CASE("Messages that share a UIDL are forgotten when it is listed no more") {
    ForgetfulDisk disk;
    auto ledger = Ledger::open(disk, layout, account);
    std::vector<Collected> batch;
    for (const char* uid : {"u", "u abc", "v abc"}) batch.push_back({{"", 0, uid}, 1, "abc", {}});
    REQUIRE(ledger->deliver(std::move(batch)));
    ListedUids listed;
    listed.add("u");
    CHECK(ledger->forget_unlisted("", 0, listed, true).value() == 1);
    CHECK(ledger->known({"", 0, "u abc"}));
    CHECK(ledger->forget_unlisted("", 0, {}, true).value() == 2);
}

TEST_CASE("A torn tail is cut off and a damaged line passed over") {
    ForgetfulDisk disk;
    std::string log;
    append_record(log, {"D", "INBOX", "7", "1 %\n", "5", "abc"});
    log += "00000000 D INBOX 7 2 5 abc\n";
    append_record(log, {"D", "", "0", "3", "5", "abc"});
    const std::string path = layout.ledger_dir() + "/example.com@mail.example.log";
    REQUIRE(disk::make_directories(disk, layout.ledger_dir()));
    REQUIRE(disk::replace_file(disk, path, log + "1234abcd D INBOX 7 4"));
    auto ledger = Ledger::open(disk, layout, account);
    REQUIRE(ledger);
    CHECK(ledger->size() == 2);
    CHECK(ledger->damaged() == 1);
    CHECK(ledger->known(id_of("1 %\n")));
    CHECK(ledger->known({"", 0, "3"}));
    CHECK(ledger->forget_unlisted("", 0, {}, true).value() == 1);
    CHECK(disk.files().at(path).starts_with(log));
    *ledger = *Ledger::open(disk, Layout("/other"), account);
    CHECK(Ledger::open(disk, layout, account)->size() == 1);
}

TEST_CASE("A ledger of 100,000 messages is read in well under a second and shrinks when they go") {
    ForgetfulDisk disk;
    std::string log;
    for (int count = 0; count < 100'000; ++count) {
        append_record(log, {"D", "INBOX", "1795411214", std::to_string(count), "4096",
                            "0123456789abcdef0123456789abcdef"});
    }
    const std::string path = layout.ledger_dir() + "/example.com@mail.example.log";
    REQUIRE(disk::make_directories(disk, layout.ledger_dir()));
    REQUIRE(disk::replace_file(disk, path, log));
    const auto begin = std::chrono::steady_clock::now();
    auto ledger = Ledger::open(disk, layout, account);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    WARN("100,000 entries read in " << took.count() * 1000 << " ms");
    CHECK(took.count() < 5);  // far above what it takes, also under a sanitizer
    CHECK(ledger->size() == 100'000);
    CHECK(ledger->forget_unlisted("INBOX", 7, {}, true).value() == 100'000);
    CHECK(disk.files().at(path).empty());
}
