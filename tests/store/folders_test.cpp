#include "store/folders.hpp"

#include <cerrno>

#include "a_mailbox.hpp"
#include "store/annotations.hpp"
#include "store/subscriptions.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using test::Post;
using test::StoreProcess;

namespace {

struct House : Post {
    StoreProcess process{disk, clock};
    Folders folders{process.boxes, "/mail"};

    std::string list() {
        std::string text;
        const auto found = folders.list();
        REQUIRE(found);
        for (const Folder& each : *found)
            text += each.name + (each.exists ? "" : "?") +
                    (each.use == SpecialUse::none
                         ? ""
                         : "=" + std::to_string(static_cast<int>(each.use))) +
                    ' ';
        return text;
    }
};

}  // namespace

TEST_CASE("folders are directories beside INBOX, in modified UTF-7") {
    House house;
    CHECK(house.list() == "INBOX ");
    REQUIRE(house.folders.create("Work.2024"));
    REQUIRE(house.folders.create("Entwürfe & mehr"));
    CHECK(disk::exists(house.disk, "/mail/.Entw&APw-rfe &- mehr/cur"));
    CHECK(disk::exists(house.disk, "/mail/.Work.2024/maildirfolder"));
    CHECK(house.list() == "INBOX Entwürfe & mehr Work? Work.2024 ");
    CHECK(house.folders.create("Work.2024").error().error == EEXIST);
    CHECK(house.folders.create("inbox").error().error == EEXIST);
    REQUIRE(house.folders.create("Work"));
    CHECK(house.folders.open("Nowhere").error().error == ENOENT);
    house.disk.crash();
    CHECK(house.list() == "INBOX Entwürfe & mehr Work Work.2024 ");
}

TEST_CASE("what is no name is refused, and what is no folder is not shown") {
    House house;
    for (const std::string& name :
         {std::string(), std::string("."), std::string(".."), std::string("a..b"), std::string(".a"),
          std::string("a."), std::string("a/b"), std::string("../a"), std::string("~root"),
          std::string("a\0b", 3), std::string("a\nb"), std::string("a\x7f"), std::string("\xff"),
          std::string(300, 'x'), std::string("ü") + std::string(250, 'x')}) {
        INFO(name);
        CHECK(house.folders.create(name).error().error == EINVAL);
        CHECK(house.folders.open(name).error().error == EINVAL);
        CHECK(house.folders.rename("INBOX", name).error().error == EINVAL);
        CHECK(!house.folders.subscribe(name, true));
    }
    for (const char* odd : {"/mail/.&&", "/mail/.&AGE-", "/mail/..a", "/mail/.a\xc3\xbc", "/mail/.x"})
        REQUIRE(house.disk.make_directory(odd, 0700));
    for (const char* odd : {"/mail/.&&/cur", "/mail/.&AGE-/cur", "/mail/..a/cur"})
        REQUIRE(house.disk.make_directory(odd, 0700));
    CHECK(house.list() == "INBOX ");
}

TEST_CASE("a directory called .INBOX is not INBOX a second time") {
    House house;
    for (const char* name : {"/mail/.INBOX", "/mail/.inbox"}) {
        REQUIRE(house.disk.make_directory(name, 0700));
        REQUIRE(house.disk.make_directory(std::string(name) + "/cur", 0700));
    }
    CHECK(house.list() == "INBOX ");
}

TEST_CASE("special uses are told by name, or as a folder was made with") {
    House house;
    for (const char* name : {"Sent", "Trash", "Drafts", "Papierkorb", "Archive"})
        REQUIRE(house.folders.create(name));
    CHECK(house.list() == "INBOX Archive=2 Drafts=3 Papierkorb Sent=6 Trash=7 ");
    REQUIRE(house.folders.create("Spam", SpecialUse::junk));
    CHECK(house.folders.create("Spam2", SpecialUse::junk).error().error == EADDRINUSE);
    REQUIRE(house.folders.create("Junk"));
    CHECK(house.list() == "INBOX Archive=2 Drafts=3 Junk Papierkorb Sent=6 Spam=5 Trash=7 ");
    REQUIRE(house.folders.rename("Spam", "Mist"));
    CHECK(house.list() == "INBOX Archive=2 Drafts=3 Junk Mist=5 Papierkorb Sent=6 Trash=7 ");
}

TEST_CASE("a folder is renamed with all below it, its messages keep their UIDs") {
    House house;
    for (const char* name : {"a", "a.b", "a.b.c", "ab"}) REQUIRE(house.folders.create(name));
    house.put(".a.b/new/1.x");
    const auto before = (*house.folders.open("a.b"))->refresh();
    REQUIRE(before);
    REQUIRE(house.folders.rename("a", "z"));
    CHECK(house.list() == "INBOX ab z z.b z.b.c ");
    const auto after = (*house.folders.open("z.b"))->refresh();
    REQUIRE(after);
    CHECK((*after)->uid_validity == (*before)->uid_validity);
    CHECK(test::flat(after) == "1:new/1.x");
    CHECK(house.folders.rename("z", "z.q").error().error == EINVAL);
    CHECK(house.folders.rename("z", "ab").error().error == EEXIST);
    CHECK(house.folders.rename("q", "r").error().error == ENOENT);
    REQUIRE(house.folders.rename("z.b", "ab.y.b"));
    CHECK(house.list() == "INBOX ab ab.y? ab.y.b ab.y.b.c z ");
    house.disk.crash();
    CHECK(house.list() == "INBOX ab ab.y? ab.y.b ab.y.b.c z ");
}

TEST_CASE("INBOX is renamed by moving its messages") {
    House house;
    house.put("new/1.x");
    house.put("cur/2.y:2,S");
    REQUIRE(house.folders.rename("INBOX", "Old"));
    CHECK(test::flat((*house.folders.open("INBOX"))->refresh()) == "");
    const auto list = (*house.folders.open("Old"))->refresh();
    REQUIRE(list);
    CHECK((*list)->messages.size() == 2);
    CHECK((*list)->messages[1].flags == flag_seen);
}

TEST_CASE("a folder that is deleted is gone with its messages, and its namesake is another") {
    House house;
    REQUIRE(house.folders.create("a"));
    REQUIRE(house.folders.create("a.b"));
    house.put(".a/new/1.x");
    const auto before = (*house.folders.open("a"))->refresh();
    REQUIRE(before);
    REQUIRE(house.folders.remove("a"));
    CHECK(house.list() == "INBOX a? a.b ");
    CHECK(house.folders.remove("a").error().error == ENOENT);
    CHECK(house.folders.remove("INBOX").error().error == EINVAL);
    REQUIRE(house.folders.create("a"));
    const auto after = (*house.folders.open("a"))->refresh();
    REQUIRE(after);
    CHECK((*after)->messages.empty());
    CHECK((*after)->uid_validity > (*before)->uid_validity);
    for (const auto& [path, text] : house.disk.files()) CHECK(path.find("..") == path.npos);
}

TEST_CASE("subscriptions are kept as Dovecot keeps them, in both its forms") {
    House house;
    REQUIRE(house.folders.subscribe("INBOX", true));
    REQUIRE(house.folders.subscribe("Büro.2024", true));
    REQUIRE(house.folders.subscribe("Büro.2024", true));
    CHECK(house.text("subscriptions") == "V\t2\n\nINBOX\nB&APw-ro\t2024\n");
    CHECK(*house.folders.subscriptions() == std::vector<std::string>{"INBOX", "Büro.2024"});
    REQUIRE(house.folders.subscribe("INBOX", false));
    CHECK(house.text("subscriptions") == "V\t2\n\nB&APw-ro\t2024\n");
    REQUIRE(disk::replace_file(house.disk, "/mail/subscriptions", "INBOX\nold.B&APw-ro\n&bad\n"));
    CHECK(*house.folders.subscriptions() == std::vector<std::string>{"INBOX", "old.Büro"});
    REQUIRE(house.folders.subscribe("new.one", true));
    CHECK(house.text("subscriptions") == "INBOX\nold.B&APw-ro\n&bad\nnew.one\n");
}

TEST_CASE("annotations hold any octets, durably, within limits") {
    House house;
    Annotations file(house.disk, house.clock, "/mail/notes", {2, 10});
    CHECK(file.all()->empty());
    const std::string odd("\0\n 5\n/private/x 1\n", 18);
    Annotations large(house.disk, house.clock, "/mail/notes");
    REQUIRE(large.set({{"/private/comment", odd}, {"/shared/empty", ""}}));
    house.disk.crash();
    house.later(std::chrono::minutes(3));  // the lock is back as well, and stale
    CHECK(*file.all() == Annotations::Values{{"/private/comment", odd}, {"/shared/empty", ""}});
    CHECK(file.set({{"/private/third", "x"}}).error().error == ENOSPC);
    CHECK(file.set({{"/private/comment", "12345678901"}}).error().error == EMSGSIZE);
    CHECK(file.set({{"/private/a b", "1"}}).error().error == EINVAL);
    REQUIRE(file.set({{"/private/third", "x"}, {"/private/comment", {}}}));
    CHECK(*file.all() == Annotations::Values{{"/private/third", "x"}, {"/shared/empty", ""}});
    REQUIRE(disk::replace_file(house.disk, "/mail/notes", "rubbish"));
    CHECK(!file.all());
    CHECK(!file.set({{"/private/a", "1"}}));
    CHECK(house.text("notes") == "rubbish");
}
