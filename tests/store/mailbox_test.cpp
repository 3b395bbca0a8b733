#include "store/mailbox.hpp"

#include <atomic>
#include <cerrno>
#include <set>
#include <thread>

#include "a_mailbox.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using test::flat;
using test::Post;
using test::StoreProcess;

namespace {

using Uids_ = std::vector<Uid>;

MessageListPointer must(const Result<MessageListPointer>& list) {
    REQUIRE(list);
    return *list;
}

Flags flags_at(const MessageList& list, Uid uid) {
    const auto* message = list.find(uid);
    return message ? message->flags : 0xFFFFFFFF;
}

Result<Mailbox::Stored> add(Mailbox& box, Uids_ uids, Flags flags,
                            std::vector<std::string> keywords = {}) {
    return box.store(uids, {FlagChange::How::add, flags, std::move(keywords), {}});
}

}  // namespace

TEST_CASE("a mailbox is listed by age, and its UIDs are written down with our UIDLs") {
    Post post;
    post.put("new/200.b,S=1,W=1");
    post.put("cur/100.a,S=1,W=1:2,S");
    post.put("cur/.hidden");
    StoreProcess process(post.disk, post.clock);
    CHECK(flat(process.inbox().refresh()) == "1:cur/100.a,S=1,W=1:2,S 2:new/200.b,S=1,W=1");
    const std::string list = post.text("dovecot-uidlist");
    CHECK(list.find("\n1 P100.a :100.a,S=1,W=1\n2 P200.b :200.b,S=1,W=1\n") != list.npos);
    CHECK(list.starts_with("3 V"));
    const auto first = must(process.inbox().refresh());
    CHECK(first->uid_next == 3);
    CHECK(must(process.inbox().refresh()) == first);  // nothing was listed, nothing is different

    post.put("new/50.late");
    CHECK(flat(process.inbox().refresh()) ==
          "1:cur/100.a,S=1,W=1:2,S 2:new/200.b,S=1,W=1 3:new/50.late");
    CHECK(post.text("dovecot-uidlist").ends_with("3 P50.late :50.late\n"));
    StoreProcess other(post.disk, post.clock);
    CHECK(flat(other.inbox().refresh()) == flat(process.inbox().refresh()));
    CHECK(must(other.inbox().refresh())->uid_validity == first->uid_validity);
}

TEST_CASE("what others do is seen, and is a difference") {
    Post post;
    post.put("new/1.a");
    post.put("cur/2.b:2,");
    post.put("cur/3.c:2,");
    StoreProcess process(post.disk, post.clock);
    const auto before = must(process.inbox().refresh());
    post.move("new/1.a", "cur/1.a:2,S");
    post.drop("cur/2.b:2,");
    post.put("new/4.d");
    const auto after = must(process.inbox().refresh());
    CHECK(flat(*after) == "1:cur/1.a:2,S 3:cur/3.c:2, 4:new/4.d");
    const Difference found = difference(*before, *after);
    REQUIRE(found.fresh.size() == 1);
    CHECK(found.fresh[0].uid == 4);
    REQUIRE(found.changed.size() == 1);
    CHECK(found.changed[0].uid == 1);
    CHECK(found.changed[0].flags == flag_seen);
    CHECK(found.changed[0].modseq > before->highest_modseq);
    CHECK(found.vanished == Uids_{2});
    CHECK(process.inbox().vanished_since(before->highest_modseq) == Uids_{2});
    CHECK(process.inbox().vanished_since(after->highest_modseq) == Uids_{});
    CHECK(!process.inbox().vanished_since(before->highest_modseq - 2));
    // A UID is never given again, not even for a name that comes back.
    post.put("cur/2.b:2,F");
    CHECK(flat(process.inbox().refresh()) == "1:cur/1.a:2,S 3:cur/3.c:2, 4:new/4.d 5:cur/2.b:2,F");
    StoreProcess other(post.disk, post.clock);
    CHECK(flat(other.inbox().refresh()) == flat(process.inbox().refresh()));
}

TEST_CASE("who selects first takes what is recent out of new") {
    Post post;
    post.put("cur/1.a:2,");
    post.put("new/2.b");
    post.put("new/3.c:2,F");
    StoreProcess process(post.disk, post.clock);
    const auto first = process.inbox().claim();
    REQUIRE(first);
    CHECK(first->first_recent == 2);
    CHECK(flat(*first->list) == "1:cur/1.a:2, 2:cur/2.b:2, 3:cur/3.c:2,F");
    const auto second = process.inbox().claim();
    REQUIRE(second);
    CHECK(second->first_recent == 0);
    post.put("new/4.d");
    CHECK(must(process.inbox().refresh())->first_recent == 4);
    CHECK(process.inbox().claim()->first_recent == 4);
    CHECK(difference(*first->list, *must(process.inbox().refresh())).changed.empty());
}

TEST_CASE("of a full new only some are moved at once, the others by and by") {
    Post post;
    for (int i = 0; i < 450; ++i) post.put("new/" + std::to_string(1000 + i) + ".a");
    StoreProcess process(post.disk, post.clock);
    const auto in_new = [&] {
        const auto list = must(process.inbox().refresh());
        return std::count_if(list->messages.begin(), list->messages.end(),
                             [](const auto& each) { return each.in_new; });
    };
    const auto first = process.inbox().claim(Look::cheap, 100);
    REQUIRE(first);
    CHECK(first->first_recent == 1);
    CHECK(first->left);
    CHECK(in_new() == 350);
    post.drop("new/1200.a");
    process.inbox().settle();
    CHECK(in_new() == 0);
    // Who still has the first list opens what has moved since.
    REQUIRE(process.inbox().open(*first->list, *first->list->find(400)));
    CHECK(process.inbox().open(*first->list, *first->list->find(201)).error().error == ENOENT);
    const auto second = process.inbox().claim(Look::cheap, 100);
    REQUIRE(second);
    CHECK(!second->left);
    CHECK(second->first_recent == 0);
    CHECK(second->list->messages.size() == 449);
    CHECK(difference(*first->list, *second->list).changed.empty());
    process.inbox().settle();  // nothing is left
}

TEST_CASE("flags are set, taken away and replaced in the names") {
    Post post;
    post.put("new/1.a,S=1");
    post.put("cur/2.b:2,PS");
    StoreProcess process(post.disk, post.clock);
    Mailbox& box = process.inbox();
    REQUIRE(add(box, {1, 2, 9}, flag_flagged));
    CHECK(flat(box.refresh()) == "1:cur/1.a,S=1:2,F 2:cur/2.b:2,FPS");
    REQUIRE(add(box, {2}, 0, {"$Forwarded", "Work", "$forwarded"}));
    CHECK(flat(box.refresh()) == "1:cur/1.a,S=1:2,F 2:cur/2.b:2,FPSab");
    CHECK(post.text("dovecot-keywords") == "0 $Forwarded\n1 Work\n");
    CHECK(*must(box.refresh())->keywords == std::vector<std::string>{"$Forwarded", "Work"});
    REQUIRE(box.store(Uids_{2}, {FlagChange::How::remove, flag_seen, {"WORK", "never"}, {}}));
    CHECK(flat(box.refresh()) == "1:cur/1.a,S=1:2,F 2:cur/2.b:2,FPa");
    REQUIRE(box.store(Uids_{2}, {FlagChange::How::replace, flag_draft, {}, {}}));
    CHECK(flat(box.refresh()) == "1:cur/1.a,S=1:2,F 2:cur/2.b:2,DP");
    post.disk.crash();
    StoreProcess other(post.disk, post.clock);
    CHECK(flat(other.inbox().refresh()) == "1:cur/1.a,S=1:2,F 2:cur/2.b:2,DP");
}

TEST_CASE("a keyword for which no letter is left changes nothing") {
    Post post;
    post.put("cur/1.a:2,");
    StoreProcess process(post.disk, post.clock);
    std::vector<std::string> many;
    for (int i = 0; i < 26; ++i) many.push_back("k" + std::to_string(i));
    REQUIRE(add(process.inbox(), {1}, 0, many));
    const auto full = add(process.inbox(), {1}, flag_seen, {"another"});
    REQUIRE(!full);
    CHECK(full.error().error == ENOSPC);
    CHECK(flags_at(*must(process.inbox().refresh()), 1) == ~Flags{63});
}

TEST_CASE("UNCHANGEDSINCE keeps what changed since, and modseqs only grow") {
    Post post;
    post.put("cur/1.a:2,");
    post.put("cur/2.b:2,");
    StoreProcess process(post.disk, post.clock);
    Mailbox& box = process.inbox();
    const ModSeq before = must(box.refresh())->highest_modseq;
    REQUIRE(add(box, {1}, flag_seen));
    const auto stored = box.store(Uids_{1, 2}, {FlagChange::How::add, flag_flagged, {}, before});
    REQUIRE(stored);
    CHECK(stored->modified == Uids_{1});
    CHECK(flat(*stored->list) == "1:cur/1.a:2,S 2:cur/2.b:2,F");
    CHECK(stored->list->find(2)->modseq > stored->list->find(1)->modseq);
    CHECK(stored->list->find(1)->modseq > before);
    CHECK(stored->list->highest_modseq >= stored->list->find(2)->modseq);
}

TEST_CASE("a message that somebody renamed or removed in mid-operation is found again or passed over") {
    Post post;
    for (const char* name : {"cur/1.a:2,", "cur/2.b:2,", "cur/3.c:2,"}) post.put(name);
    StoreProcess process(post.disk, post.clock);
    Mailbox& box = process.inbox();
    const auto list = must(box.refresh());
    REQUIRE(add(box, {3}, flag_flagged));  // our own change: another may hide behind it
    REQUIRE(post.disk.rename("/mail/cur/1.a:2,", "/mail/cur/1.a:2,R"));
    REQUIRE(post.disk.remove("/mail/cur/2.b:2,"));
    const auto stored = add(box, {1, 2, 3}, flag_seen);
    REQUIRE(stored);
    CHECK(flat(*stored->list) == "1:cur/1.a:2,RS 3:cur/3.c:2,FS");
    CHECK(box.open(*list, *list->find(1)));
    CHECK(box.open(*list, *list->find(2)).error().error == ENOENT);
    REQUIRE(post.disk.rename("/mail/cur/1.a:2,RS", "/mail/cur/1.a:2,RST"));
    const auto gone = box.expunge(Uids_{1, 2});
    REQUIRE(gone);
    CHECK(flat(*gone->list) == "3:cur/3.c:2,FS");
}

TEST_CASE("messages are removed durably") {
    Post post;
    for (const char* name : {"cur/1.a,S=10:2,T", "new/2.b,S=5", "cur/3.c:2,"}) post.put(name);
    StoreProcess process(post.disk, post.clock);
    const ModSeq before = must(process.inbox().refresh())->highest_modseq;
    const auto gone = process.inbox().expunge(Uids_{2, 1, 7});
    REQUIRE(gone);
    CHECK(gone->octets == 15);
    CHECK(flat(*gone->list) == "3:cur/3.c:2,");
    CHECK(process.inbox().vanished_since(before) == Uids_{1, 2});
    post.disk.crash();
    StoreProcess other(post.disk, post.clock);
    CHECK(flat(other.inbox().refresh()) == "3:cur/3.c:2,");
}

TEST_CASE("copies have names and UIDs of their own, keep flags, keywords by name and dates") {
    Post post;
    post.put("cur/1.a,S=1,W=2:2,S", "one");
    post.put("cur/2.b:2,", "two");
    StoreProcess process(post.disk, post.clock);
    Folders folders(process.boxes, "/mail");
    REQUIRE(folders.create("Work"));
    Mailbox& from = process.inbox();
    Mailbox& to = **folders.open("Work");
    REQUIRE(add(from, {1}, 0, {"blue", "red"}));
    post.put(".Work/cur/9.w:2,");
    REQUIRE(add(to, {1}, 0, {"red"}));
    post.later();
    const auto copied = Mailbox::copy(from, Uids_{1, 2, 8}, to, false);
    REQUIRE(copied);
    CHECK(copied->from == Uids_{1, 2});
    CHECK(copied->to == Uids_{2, 3});
    const auto list = must(to.refresh());
    CHECK(copied->uid_validity == list->uid_validity);
    REQUIRE(list->messages.size() == 3);
    CHECK(*list->keywords == std::vector<std::string>{"red", "blue"});
    CHECK(std::string(list->file(list->messages[1])).ends_with(",S=1,W=2:2,Sab"));
    CHECK(base_of(list->file(list->messages[1])) != "1.a");
    const auto old = must(from.refresh());
    CHECK(to.status(*list, list->messages[1])->modified ==
          from.status(*old, old->messages[0])->modified);
    CHECK(flat(*old) == "1:cur/1.a,S=1,W=2:2,Sab 2:cur/2.b:2,");

    const auto moved = Mailbox::copy(from, Uids_{1}, to, true);
    REQUIRE(moved);
    CHECK(moved->to == Uids_{4});
    CHECK(flat(from.refresh()) == "2:cur/2.b:2,");
    const auto within = Mailbox::copy(to, Uids_{1}, to, false);
    REQUIRE(within);
    CHECK(within->to == Uids_{5});
    const std::string there = flat(to.refresh());
    post.disk.crash();
    StoreProcess other(post.disk, post.clock);
    CHECK(flat(other.at("/mail/.Work").refresh()) == there);
    CHECK(flat(other.inbox().refresh()) == "2:cur/2.b:2,");
}

TEST_CASE("who moves a message that another moves at the same time finds it gone") {
    Post post;
    StoreProcess process(post.disk, post.clock);
    Folders folders(process.boxes, "/mail");
    REQUIRE(folders.create("Work"));
    Mailbox& from = process.inbox();
    Mailbox& to = **folders.open("Work");
    constexpr std::size_t rounds = 10, each = 8;
    post.disk.take_time(std::chrono::microseconds(50));
    for (std::size_t round = 0; round < rounds; ++round) {
        std::vector<Delivery> deliveries;
        for (std::size_t i = 0; i < each; ++i) {
            auto made = from.prepare(0, {}, {}, {}, nullptr);
            REQUIRE(made);
            deliveries.push_back(std::move(*made));
        }
        const auto appended = from.append(std::move(deliveries));
        REQUIRE(appended);
        std::atomic<std::size_t> moved{0};
        std::vector<std::thread> movers;
        for (int i = 0; i < 4; ++i) {
            movers.emplace_back([&] {
                if (const auto done = Mailbox::copy(from, appended->uids, to, true))
                    moved += done->to.size();
            });
        }
        for (std::thread& mover : movers) mover.join();
        CHECK(moved == each);
        CHECK(must(to.refresh(Look::thorough))->messages.size() == each * (round + 1));
        CHECK(must(from.refresh(Look::thorough))->messages.empty());
    }
}

TEST_CASE("an appended message has its flags, its date and its UID at once") {
    Post post;
    StoreProcess process(post.disk, post.clock);
    Mailbox& box = process.inbox();
    const WallTime then{std::chrono::seconds(1'000'000'000)};
    std::vector<std::string_view> parts = {"a: b\r\n", "\r\nc\r\n"};
    std::vector<Delivery> deliveries;
    const std::vector<std::string> keywords = {"new"};
    for (const auto& date : {std::optional<WallTime>(then), std::optional<WallTime>()}) {
        auto made = box.prepare(flag_seen, keywords, date, parts, nullptr);
        REQUIRE(made);
        deliveries.push_back(std::move(*made));
    }
    post.put("new/1.other");
    const auto appended = box.append(std::move(deliveries));
    REQUIRE(appended);
    CHECK(appended->uids == Uids_{2, 3});
    CHECK(appended->octets == 22);
    const auto list = must(box.refresh());
    REQUIRE(list->messages.size() == 3);
    CHECK(list->wire_size(list->messages[1]) == 11);
    CHECK(std::string(list->file(list->messages[1])).ends_with(":2,Sa"));
    CHECK(box.status(*list, list->messages[1])->modified == then);
    post.disk.crash();
    StoreProcess other(post.disk, post.clock);
    CHECK(flat(other.inbox().refresh()) == flat(box.refresh()));
}

TEST_CASE("modseqs outlive the process where they are asked for, and what changed meanwhile is newer") {
    Post post;
    for (const char* name : {"cur/1.a:2,", "cur/2.b:2,", "cur/3.c:2,", "cur/4.d:2,"})
        post.put(name);
    ModSeq one = 0, highest = 0;
    {
        StoreProcess process(post.disk, post.clock);
        (void)must(process.inbox().refresh());
        process.inbox().keep_modseqs();
        post.later();
        REQUIRE(add(process.inbox(), {1}, flag_seen));
        const auto gone = process.inbox().expunge(Uids_{4});
        REQUIRE(gone);
        one = gone->list->find(1)->modseq;
        highest = gone->list->highest_modseq;
    }
    StoreProcess again(post.disk, post.clock);
    const auto same = must(again.inbox().refresh());
    CHECK(same->find(1)->modseq == one);
    CHECK(same->find(2)->modseq < one);
    CHECK(same->highest_modseq == highest);
    CHECK(again.inbox().vanished_since(one) == Uids_{4});

    post.move("cur/2.b:2,", "cur/2.b:2,F");
    post.drop("cur/3.c:2,");
    StoreProcess third(post.disk, post.clock);
    const auto after = must(third.inbox().refresh());
    CHECK(after->find(1)->modseq == one);
    CHECK(after->find(2)->modseq > highest);
    CHECK(third.inbox().vanished_since(highest) == Uids_{3});

    REQUIRE(post.disk.remove("/mail/mailhandler-modseq"));
    post.later();
    StoreProcess fourth(post.disk, post.clock);
    CHECK(must(fourth.inbox().refresh())->highest_modseq > after->highest_modseq);
    CHECK(!fourth.inbox().vanished_since(highest));
}

TEST_CASE("a mailbox that was deleted says so") {
    Post post;
    StoreProcess process(post.disk, post.clock);
    Folders folders(process.boxes, "/mail");
    REQUIRE(folders.create("Gone"));
    const auto box = *folders.open("Gone");
    (void)must(box->refresh());
    REQUIRE(folders.remove("Gone"));
    CHECK(box->refresh().error().error == ENOENT);
    post.later();
    REQUIRE(folders.create("Gone"));
    CHECK(must((*folders.open("Gone"))->refresh())->messages.empty());
}
