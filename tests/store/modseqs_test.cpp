// What a client that comes back with its modseqs (CONDSTORE, QRESYNC: RFC 7162) is told: after a
// restart, a kill, a power cut at any step, and with a torn file.
#include "store/modseqs.hpp"

#include <cerrno>
#include <map>

#include "a_mailbox.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using test::Post;
using test::StoreProcess;
using test::Survives;

namespace {

// A client that looked at the mailbox once: flags by UID, and the HIGHESTMODSEQ it was told.
struct Client {
    std::map<Uid, Flags> view;
    ModSeq highest = 0;

    explicit Client(const MessageList& list) : highest(list.highest_modseq) {
        for (const auto& each : list.messages) view[each.uid] = each.flags;
    }
    // What it has after SELECT … (QRESYNC (… highest)).
    std::map<Uid, Flags> again(Mailbox& box, const MessageList& list) const {
        auto now = view;
        for (const auto& each : list.messages)
            if (each.modseq > highest) now[each.uid] = each.flags;
        if (const auto vanished = box.vanished_since(highest)) {
            for (const Uid uid : *vanished) now.erase(uid);
        } else {
            std::erase_if(now, [&](const auto& each) { return !list.find(each.first); });
        }
        return now;
    }
};

// Flags that go there and back, mail that comes and goes; a client looks after each. What a cut
// stops is as far as it came.
std::vector<Client> live(Post& post) {
    std::vector<Client> clients;
    StoreProcess process(post.disk, post.clock);
    Mailbox& box = process.inbox();
    const auto look = [&] {
        const auto list = box.refresh(Look::thorough);
        if (list) clients.emplace_back(**list);
        post.later();
        return list.has_value();
    };
    const auto store = [&](Uid uid, FlagChange::How how, Flags flags) {
        return box.store(std::vector<Uid>{uid}, {how, flags, {}, {}}) && look();
    };
    if (!look()) return clients;
    box.keep_modseqs();
    if (!store(1, FlagChange::How::add, flag_seen)) return clients;
    if (!store(1, FlagChange::How::remove, flag_seen)) return clients;
    auto made = box.prepare(0, {}, {}, {}, nullptr);
    if (!made) return clients;
    std::vector<Delivery> deliveries;
    deliveries.push_back(std::move(*made));
    if (!box.append(std::move(deliveries)) || !look()) return clients;
    if (!box.expunge(std::vector<Uid>{3}) || !look()) return clients;
    if (!store(2, FlagChange::How::add, flag_flagged)) return clients;
    (void)store(2, FlagChange::How::replace, 0);
    return clients;
}

void put_two(Post& post) {
    post.put("cur/1.a:2,");
    post.put("cur/2.b:2,");
}

// Every client that had looked before is told all that is different for it, and no UID twice.
void check_clients(Post& post, const std::vector<Client>& clients) {
    post.later(std::chrono::minutes(3));  // a lock that was left is stale by then
    StoreProcess process(post.disk, post.clock);
    const auto list = process.inbox().refresh();
    INFO((list ? "" : list.error().text()));
    REQUIRE(list);
    const Client now(**list);
    for (const Client& client : clients) {
        CHECK(now.highest >= client.highest);
        CHECK(client.again(process.inbox(), **list) == now.view);
    }
}

}  // namespace

TEST_CASE("a client that comes back hears all that is different, wherever the power was cut") {
    Post whole;
    put_two(whole);
    const std::size_t before = whole.disk.steps();
    REQUIRE(live(whole).size() == 7);
    const std::size_t steps = whole.disk.steps();
    const std::pair<Survives, unsigned> worlds[] = {
        {Survives::synced, 1}, {Survives::entries, 1}, {Survives::journal, 20}};
    for (std::size_t step = before + 1; step <= steps + 1; ++step) {
        for (const auto& [survives, seeds] : worlds) {
            for (unsigned seed = 0; seed < seeds; ++seed) {
                INFO("cut at " << whole.disk.step_name(step) << ", " << static_cast<int>(survives)
                               << ' ' << seed);
                Post post;
                put_two(post);
                post.disk.cut_at(step);
                const auto clients = live(post);
                post.disk.crash(survives, seed);
                check_clients(post, clients);
            }
        }
        INFO("killed at " << whole.disk.step_name(step));
        Post post;
        put_two(post);
        post.disk.cut_at(step);
        const auto clients = live(post);
        post.disk.kill();
        check_clients(post, clients);
    }
}

TEST_CASE("a fault of the disk at any step tells a client too much rather than too little") {
    Post whole;
    put_two(whole);
    const std::size_t before = whole.disk.steps();
    (void)live(whole);
    for (std::size_t step = before + 1; step <= whole.disk.steps(); ++step) {
        // A lock of ours that stays would be waited for in earnest.
        if (whole.disk.step_name(step).starts_with("remove ") &&
            whole.disk.step_name(step).ends_with(".lock"))
            continue;
        for (const int error : {EIO, ENOSPC}) {
            INFO("fails: " << whole.disk.step_name(step));
            Post post;
            put_two(post);
            post.disk.fail_at(step, error);
            const auto clients = live(post);
            check_clients(post, clients);
            post.disk.crash();
            check_clients(post, clients);
        }
    }
}

TEST_CASE(
    "a restart keeps modseqs, another run of the machine and a torn file give all of them anew") {
    Post post;
    put_two(post);
    const auto clients = live(post);
    REQUIRE(clients.size() == 7);
    const ModSeq highest = clients.back().highest;
    const std::string whole = post.text("mailhandler-modseq");
    {
        StoreProcess process(post.disk, post.clock);
        const auto list = process.inbox().refresh();
        REQUIRE(list);
        CHECK((*list)->highest_modseq == highest);
        CHECK(process.inbox().vanished_since(clients[3].highest) == std::vector<Uid>{3});
    }
    const auto check_anew = [&] {
        post.later();
        StoreProcess process(post.disk, post.clock);
        const auto list = process.inbox().refresh();
        REQUIRE(list);
        for (const auto& each : (*list)->messages) CHECK(each.modseq > highest);
        CHECK(!process.inbox().vanished_since(highest));
        CHECK(post.text("mailhandler-modseq") == "(none)");
        for (const Client& client : clients)
            CHECK(client.again(process.inbox(), **list) == Client(**list).view);
    };
    const std::string path = "/mail/mailhandler-modseq";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        if (size >= 40 && (size - 40) % 24 == 0) continue;  // a whole log, of an earlier moment
        INFO(size);
        REQUIRE(disk::replace_file(post.disk, path, whole.substr(0, size)));
        check_anew();
    }
    for (std::size_t at = 0; at < whole.size(); at += 5) {
        INFO(at);
        std::string other = whole;
        other[at] ^= 1;
        REQUIRE(disk::replace_file(post.disk, path, other));
        check_anew();
    }
    REQUIRE(disk::replace_file(post.disk, path, whole));
    post.disk.crash();
    check_anew();
}

TEST_CASE(
    "a change of the mailbox alone has a modseq that outlives the process, and tells of no "
    "message") {
    Post post;
    put_two(post);
    const auto clients = live(post);
    REQUIRE(!clients.empty());
    ModSeq highest = 0;
    {
        StoreProcess process(post.disk, post.clock);
        REQUIRE(process.inbox().annotated());
        highest = (*process.inbox().refresh())->highest_modseq;
        CHECK(highest > clients.back().highest);
    }
    StoreProcess process(post.disk, post.clock);
    const auto list = process.inbox().refresh();
    REQUIRE(list);
    CHECK((*list)->highest_modseq == highest);
    for (const auto& each : (*list)->messages) CHECK(each.modseq <= clients.back().highest);
    CHECK(process.inbox().vanished_since(clients.back().highest) == std::vector<Uid>{});
}
