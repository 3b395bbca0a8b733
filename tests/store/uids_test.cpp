#include "store/uids.hpp"

#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "a_mailbox.hpp"
#include "store/keywords.hpp"
#include "store/uidlist.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using test::Post;
using test::StoreProcess;
using test::Survives;

namespace {

struct Reader {
    explicit Reader(Post& post) : post_(post) {}
    Uids open() {
        return {post_.disk, post_.clock, random, Log([this](Severity, std::string_view text) {
                    said += std::string(text) + '\n';
                }),
                "/mail", "/mail"};
    }
    // UIDs of these files, assigned where they have none.
    std::vector<Uid> assign(const std::vector<std::string_view>& files) {
        Uids uids = open();
        auto held = uids.lock();
        REQUIRE(held);
        auto given = uids.assign(files);
        REQUIRE(given);
        return *given;
    }
    test::CountingRandom random;
    std::string said;
    Post& post_;
};

void write(Post& post, const std::string& text) {
    post.later();
    REQUIRE(disk::replace_file(post.disk, "/mail/dovecot-uidlist", text));
}

}  // namespace

TEST_CASE("a list of Dovecot's is gone on with, and keeps what is not understood") {
    Post post;
    Reader reader(post);
    const std::string theirs =
        "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1 Xfuture\n"
        "25006 W2481 :1.a,S=1355,W=1394\n"
        "25017 W2481 Pold Z9 :2.b,S=2000:2,S\n";
    write(post, theirs);
    CHECK(reader.assign({"2.b,S=2000:2,S", "3.c", "1.a:2,F"}) == std::vector<Uid>{25017, 25022, 25006});
    CHECK(post.text("dovecot-uidlist") == theirs + "25022 P3.c :3.c\n");
    Uids uids = reader.open();
    REQUIRE(uids.refresh());
    CHECK(uids.validity() == 1275660208);
    CHECK(uids.next() == 25023);
    auto held = uids.lock();
    REQUIRE(held);
    REQUIRE(uids.drop(25023, [](Uid uid) { return uid != 25006; }));
    CHECK(post.text("dovecot-uidlist") ==
          "3 V1275660208 N25023 G3085f01b7f11094c501100008c4a11c1 Xfuture\n"
          "25017 W2481 Pold Z9 :2.b,S=2000:2,S\n25022 P3.c :3.c\n");
    CHECK(uids.find("1.a") == 0);
    CHECK(uids.find("2.b") == 25017);
    CHECK(reader.said.empty());
}

TEST_CASE("what another process appends is read from where we were") {
    Post post;
    Reader reader(post);
    Uids ours = reader.open();
    { auto held = ours.lock(); REQUIRE(held); REQUIRE(ours.assign(std::vector<std::string_view>{"1.a"})); }
    const auto revision = ours.revision();
    post.later();
    CHECK(reader.assign({"2.b", "3.c"}) == std::vector<Uid>{2, 3});
    REQUIRE(ours.refresh());
    CHECK(ours.find("3.c") == 3);
    CHECK(ours.next() == 4);
    CHECK(ours.revision() == revision);
    write(post, post.text("dovecot-uidlist") + "9 :9.i\n");  // another file of the same beginning
    REQUIRE(ours.refresh());
    CHECK(ours.find("9.i") == 9);
    CHECK(ours.find("1.a") == 1);
    CHECK(ours.next() == 10);
}

TEST_CASE("a list that is missing or corrupt gets a greater UIDVALIDITY, and the log says so") {
    for (const std::string& bad :
         {std::string(), std::string("\n"), std::string("4 V4000000000 N9\n1 :1.a\n"),
          std::string("3 V4000000000 N9\n2 :2.b\n1 :1.a\n"),
          std::string("3 V4000000000 N9\n1 :1.a\n1 :2.b\n"),
          std::string("3 V4000000000 N9\n4294967295 :1.a\n"),
          std::string("3 V4000000000 N9\n2 :1.a\nrubbish\n"), std::string("(remove)")}) {
        INFO(bad);
        Post post;
        Reader reader(post);
        reader.assign({"1.a", "2.b"});
        Uids before = reader.open();
        REQUIRE(before.refresh());
        reader.said.clear();
        if (bad == "(remove)") {
            post.drop("dovecot-uidlist");
        } else {
            write(post, bad);
        }
        CHECK(reader.assign({"2.b", "1.a"}) == std::vector<Uid>{1, 2});
        Uids after = reader.open();
        REQUIRE(after.refresh());
        CHECK(after.validity() > before.validity());
        if (bad.find("V4") != bad.npos && bad[0] == '3') CHECK(after.validity() > 4000000000u);
        CHECK(reader.said.find("dovecot-uidlist") != std::string::npos);
    }
}

TEST_CASE("UIDVALIDITY grows even where the clock goes back") {
    Post post;
    std::uint32_t last = 0;
    for (int i = 0; i < 4; ++i) {
        const auto next = new_uid_validity(post.disk, post.clock, "/mail", 0);
        REQUIRE(next);
        CHECK(next->value > last);
        last = next->value;
        post.clock.wall_now -= std::chrono::hours(24);
    }
}

TEST_CASE("what a crash tore of the record of UIDVALIDITYs costs none of those before") {
    Post post;
    const std::string path = "/mail/mailhandler-uidvalidity";
    const auto next = [&] { return new_uid_validity(post.disk, post.clock, "/mail", 0)->value; };
    REQUIRE(disk::replace_file(post.disk, path, "4000000000\n40000"));
    CHECK(next() == 4000000001u);
    CHECK(post.text("mailhandler-uidvalidity") == "4000000000\n40000\n4000000001\n");
    for (int i = 0; i < 1000; ++i) (void)next();
    CHECK(next() == 4000001002u);
    CHECK(post.text("mailhandler-uidvalidity").size() < 5000);
}

TEST_CASE("a list that is made is durable by three syncs, and no power cut lowers its UIDVALIDITY") {
    Post whole;
    const auto files = whole.disk.file_syncs(), directories = whole.disk.directory_syncs("/mail");
    Reader(whole).assign({"1.a", "2.b"});
    // The list and its UIDVALIDITY, in one commit of the kernel's.
    CHECK(whole.disk.file_syncs() - files == 2);
    CHECK(whole.disk.directory_syncs("/mail") - directories == 1);

    // In place of a corrupt one, cut at every step.
    const auto begin = [](Post& post) { write(post, "3 V4000000000 N9\n2 :2.b\n1 :1.a\n"); };
    Post corrupt;
    begin(corrupt);
    const std::size_t first = corrupt.disk.steps();
    Reader(corrupt).assign({"1.a"});
    const std::size_t last = corrupt.disk.steps();
    REQUIRE(last > first);
    for (std::size_t step = first + 1; step <= last; ++step) {
        for (std::uint32_t seed = 0; seed < 20; ++seed) {
            Post post;
            begin(post);
            Reader reader(post);
            post.disk.cut_at(step);
            Uids uids = reader.open();
            if (auto held = uids.lock(); held) (void)uids.assign(std::vector<std::string_view>{"1.a"});
            post.disk.crash(seed == 0 ? Survives::synced : seed < 10 ? Survives::some
                                                                     : Survives::journal,
                            seed);
            post.later(std::chrono::minutes(3));
            INFO(step << ' ' << post.disk.step_name(step) << " seed " << seed);
            reader.assign({"1.a"});
            Uids after = reader.open();
            REQUIRE(after.refresh());
            CHECK(after.validity() > 4000000000u);
        }
    }
}

TEST_CASE("a torn last line is written over, and its UID goes to nobody who heard of it") {
    Post post;
    Reader reader(post);
    write(post, "3 V7 N2\n1 :1.a\n2 P2.");
    CHECK(reader.assign({"2.b"}) == std::vector<Uid>{2});
    CHECK(post.text("dovecot-uidlist") == "3 V7 N3\n1 :1.a\n2 P2.b :2.b\n");
}

TEST_CASE("a UID that clients have seen pass by is not given to an old name again") {
    Post post;
    Reader reader(post);
    write(post, "3 V7 N3\n1 :1.a\n2 :2.b\n");
    Uids uids = reader.open();
    auto held = uids.lock();
    REQUIRE(held);
    CHECK(*uids.assign(std::vector<std::string_view>{"1.a", "3.c"}, 3) == std::vector<Uid>{3, 4});
    CHECK(post.text("dovecot-uidlist") == "3 V7 N5\n2 :2.b\n3 P1.a :1.a\n4 P3.c :3.c\n");
    CHECK(uids.find("1.a") == 3);
}

TEST_CASE("a lock of a process that is gone is taken away, one that is held is waited for") {
    Post post;
    Reader reader(post);
    char host[256] = {};
    REQUIRE(gethostname(host, sizeof host - 1) == 0);
    const auto take = [&] {
        return Dotlock::take(post.disk, post.clock, "/mail/x", std::chrono::milliseconds(5));
    };
    const auto lock_by = [&](const std::string& mark) {
        (void)post.disk.remove("/mail/x.lock");
        post.later();
        auto file = post.disk.create("/mail/x.lock", 0600);
        REQUIRE(file);
        REQUIRE((*file)->write(mark));
    };
    lock_by("4194999:" + std::string(host));  // no such process
    CHECK(take());
    CHECK(!disk::exists(post.disk, "/mail/x.lock"));
    lock_by("1:" + std::string(host));
    CHECK(take().error().error == EAGAIN);
    lock_by("4194999:elsewhere");
    CHECK(!take());
    post.later(std::chrono::seconds(121));
    CHECK(take());
    lock_by("");
    CHECK(!take());
    {
        (void)post.disk.remove("/mail/x.lock");
        auto held = take();
        REQUIRE(held);
        CHECK(post.text("x.lock") == std::to_string(getpid()) + ':' + host);
        CHECK(!take());
    }
    CHECK(take());
}

TEST_CASE("a UID that was told survives every power cut, and none is told twice") {
    // Assigns in three rounds; after a cut at any step another process goes on.
    const auto work = [](Post& post, std::map<std::string, Uid>& told, std::uint32_t& validity) {
        Reader reader(post);
        Uids uids = reader.open();
        for (const auto& round : std::vector<std::vector<std::string_view>>{
                 {"1.a", "2.b"}, {"3.c"}, {"1.a", "4.d", "5.e"}}) {
            auto held = uids.lock();
            if (!held) return;
            const auto given = uids.assign(round);
            if (!given) return;
            validity = uids.validity();
            for (std::size_t i = 0; i < round.size(); ++i) told[std::string(round[i])] = (*given)[i];
            if (round.size() == 1) {
                if (!uids.drop(uids.next(), [](Uid uid) { return uid != 2; })) return;
                told.erase("2.b");
            }
        }
    };
    Post whole;
    std::map<std::string, Uid> told;
    std::uint32_t validity = 0;
    work(whole, told, validity);
    const std::size_t steps = whole.disk.steps();
    for (std::size_t step = 1; step <= steps; ++step) {
        for (std::uint32_t seed = 0; seed < 12; ++seed) {
            Post post;
            std::map<std::string, Uid> heard;
            std::uint32_t was = 0;
            post.disk.cut_at(step);
            work(post, heard, was);
            INFO(step << ' ' << post.disk.step_name(step) << " seed " << seed);
            post.disk.crash(seed == 0   ? Survives::synced
                            : seed == 1 ? Survives::entries
                            : seed < 7  ? Survives::some
                                        : Survives::journal,
                            seed);
            post.later(std::chrono::minutes(3));  // locks of before are stale
            Reader reader(post);
            const auto now = reader.assign({"9.z", "5.e", "4.d", "3.c", "1.a"});
            Uids after = reader.open();
            REQUIRE(after.refresh());
            if (was != 0 && after.validity() != was) FAIL("another UIDVALIDITY");
            std::set<Uid> distinct(now.begin(), now.end());
            CHECK(distinct.size() == now.size());
            for (const auto& [name, uid] : heard)
                if (name != "2.b") CHECK(after.find(name) == uid);
            for (const auto& [name, uid] : heard)
                if (name != "9.z") CHECK(now[0] != uid);
        }
    }
}

TEST_CASE("two processes that assign at once never give one UID to two messages") {
    Post post;
    const int each = 40;
    std::vector<std::map<std::string, Uid>> given(2);
    std::vector<std::thread> threads;
    for (int process = 0; process < 2; ++process) {
        threads.emplace_back([&, process] {
            test::CountingRandom random;
            Uids uids(post.disk, post.clock, random, Log(), "/mail", "/mail");
            for (int i = 0; i < each; ++i) {
                const std::string name = std::to_string(100 * process + i) + ".x";
                auto held = uids.lock();
                if (!held) return;
                const std::vector<std::string_view> files = {name, "7777.both"};
                const auto found = uids.assign(files);
                if (!found) return;
                given[static_cast<std::size_t>(process)][name] = (*found)[0];
                given[static_cast<std::size_t>(process)]["7777.both"] = (*found)[1];
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::set<Uid> distinct;
    for (const auto& map : given)
        for (const auto& [name, uid] : map) distinct.insert(uid);
    CHECK(given[0].size() == each + 1);
    CHECK(given[1].size() == each + 1);
    CHECK(given[0]["7777.both"] == given[1]["7777.both"]);
    CHECK(distinct.size() == 2 * each + 1);
    Reader reader(post);
    Uids after = reader.open();
    REQUIRE(after.refresh());
    for (const auto& map : given)
        for (const auto& [name, uid] : map) CHECK(after.find(name) == uid);
}
