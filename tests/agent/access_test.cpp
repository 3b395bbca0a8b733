#include "agent/access.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "agent/message_file.hpp"
#include "store/maildir.hpp"
#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using pop3::Outcome;
using test::ForgetfulDisk;

namespace {

const std::string box = "/mail/anne";

struct StillClock final : Clock {
    Instant now() const override { return Instant(); }
    WallTime wall() const override { return WallTime(std::chrono::seconds(1795411214)); }
};

// With a memory of its own.
struct Access {
    explicit Access(disk::Disk& disk) : maildrops(disk, clock), access(disk, maildrops) {}
    agent::MaildropAccess* operator->() { return &access; }

    StillClock clock;
    agent::Maildrops maildrops;
    agent::MaildropAccess access;
};

void put(ForgetfulDisk& disk, const std::string& path, const std::string& text) {
    REQUIRE(store::make_maildir(disk, box));
    auto file = disk.create(box + path, 0600);
    REQUIRE(file);
    REQUIRE((*file)->write(text));
    REQUIRE((*file)->sync());
    for (const char* directory : {"/new", "/cur"}) REQUIRE(disk.sync_directory(box + directory));
}

std::string read(const pop3::Content& content) {
    REQUIRE(content.body);
    std::string text(content.length, '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const auto got = content.body->read_at(done, text.data() + done, text.size() - done);
        REQUIRE(got);
        REQUIRE(*got > 0);
        done += *got;
    }
    return text;
}

std::string flat(const pop3::Opened& opened) {
    REQUIRE(opened.outcome == Outcome::ok);
    std::string text;
    for (std::size_t i = 0; i < opened.maildrop->count(); ++i)
        text += std::string(opened.maildrop->uidl(i)) + ':' +
                std::to_string(opened.maildrop->size(i)) + ' ';
    return text;
}

pop3::Content one(Access& access, std::uint32_t index,
                  std::optional<std::uint32_t> lines = {}) {
    pop3::Contents contents = access->load({{{index, lines}}});
    REQUIRE(contents.contents.size() == 1);
    return std::move(contents.contents.front());
}

}  // namespace

TEST_CASE("a maildrop is frozen from names, oldest first, new and cur together") {
    ForgetfulDisk disk;
    put(disk, "/cur/200.b.mx,S=3,W=3:2,S", "abc");
    put(disk, "/new/100.a.mx,S=4,W=4", "abcd");
    put(disk, "/new/.hidden", "x");
    Access access(disk);
    CHECK(flat(access->open(box)) == "100.a.mx:4 200.b.mx:3 ");
    CHECK(read(one(access, 0)) == "abcd");
    CHECK(read(one(access, 1)) == "abc");
}

TEST_CASE("what stays in a maildrop is listed with its UIDL for a Dovecot, what went is not") {
    ForgetfulDisk disk;
    StillClock clock;
    SystemRandom random;
    put(disk, "/cur/100.a.mx,S=1,W=1:2,S", "a");
    put(disk, "/new/200.b.mx,S=1,W=1", "b");
    put(disk, "/new/300.c.mx,S=1,W=1", "c");
    const auto session = [&](std::vector<std::uint32_t> removed) {
        Access access(disk);
        access->open(box);
        access->remove({std::move(removed)});
        REQUIRE(access->list_uids(clock, random, Log()));
        access->close();
        auto text = disk::read_file(disk, box + "/dovecot-uidlist", 4096).value_or("");
        text.erase(0, std::min(text.find('\n') + 1, text.size()));
        return text;
    };
    const std::string two = "1 P200.b.mx :200.b.mx,S=1,W=1\n2 P300.c.mx :300.c.mx,S=1,W=1\n";
    CHECK(session({0}) == two);
    CHECK(session({}) == two);
    put(disk, "/new/400.d.mx,S=1,W=1", "d");
    CHECK(session({0}) == two + "3 P400.d.mx :400.d.mx,S=1,W=1\n");
    CHECK(session({0, 1}) == two + "3 P400.d.mx :400.d.mx,S=1,W=1\n");
}

TEST_CASE("the list of UIDs stays as long as its maildrop, and keeps whoever is there") {
    ForgetfulDisk disk;
    StillClock clock;
    SystemRandom random;
    put(disk, "/cur/100.a.mx,S=1,W=1:2,S", "a");
    const auto list = [&] { return disk::read_file(disk, box + "/dovecot-uidlist").value_or(""); };
    std::size_t longest = 0;
    for (int n = 1000; n < 1500; ++n) {
        // One came, went, and another came that this session does not know of.
        put(disk, fmt::format("/new/{}.b.mx,S=1,W=1", n), "b");
        Access access(disk);
        access->open(box);
        if (n == 1200) put(disk, "/new/200.late.mx,S=1,W=1", "c");
        REQUIRE(access->list_uids(clock, random, Log()));
        access->close();
        REQUIRE(disk.remove(fmt::format("{}/new/{}.b.mx,S=1,W=1", box, n)));
        const std::string text = list();
        longest = std::max<std::size_t>(longest, std::count(text.begin(), text.end(), '\n'));
        CHECK(text.find("\n1 P100.a.mx :100.a.mx") != text.npos);
        if (n > 1200) CHECK(text.find(" P200.late.mx :") != text.npos);
    }
    CHECK(longest < 120);
    CHECK(list().find("\n502 P1499.b.mx ") != std::string::npos);
}

TEST_CASE("the UIDLs of a Dovecot before us are kept where that is asked for") {
    ForgetfulDisk disk;
    put(disk, "/cur/100.a.mx,S=1,W=1:2,S", "a");
    put(disk, "/cur/200.b.mx,S=1,W=1:2,", "b");
    put(disk, "/cur/300.c.mx,S=1,W=1:2,", "c");
    put(disk, "/new/400.d.mx,S=1,W=1", "d");
    put(disk, "/new/00000002000000ff", "e");  // its own name is what Dovecot called another
    Access access(disk);
    const std::string ours = "100.a.mx:1 200.b.mx:1 300.c.mx:1 400.d.mx:1 00000002000000ff:1 ";
    CHECK(flat(access->open(box, true)) == ours);  // there is no list
    put(disk, "/dovecot-uidlist",
        "3 V255 N5 G0\n1 :100.a.mx,S=1,W=1\n2 :200.b.mx,S=1:2,S\n3 W9 Pthree :300.c.mx\n");
    CHECK(flat(access->open(box, false)) == ours);
    const std::string theirs = flat(access->open(box, true));
    const std::string listed = "00000001000000ff:1 00000002000000ff:1 three:1 400.d.mx:1 ";
    CHECK(theirs.substr(0, listed.size()) == listed);
    CHECK(theirs.size() == listed.size() + 64 + 3);  // the name that was taken is replaced
    CHECK(flat(access->open(box, true)) == theirs);
    REQUIRE(disk::replace_file(disk, box + "/dovecot-uidlist", "3 V0\n1 :100.a.mx\n"));
    CHECK(flat(access->open(box, true)) == ours);
}

TEST_CASE("a mailbox that does not exist yet is an empty maildrop") {
    ForgetfulDisk disk;
    Access access(disk);
    CHECK(flat(access->open(box)) == "");
}

TEST_CASE("a maildrop is one session's at a time, and a crash leaves no lock") {
    ForgetfulDisk disk;
    put(disk, "/new/1.a,S=1,W=1", "a");
    Access first(disk), second(disk);
    REQUIRE(first->open(box).outcome == Outcome::ok);
    CHECK(second->open(box).outcome == Outcome::in_use);
    first->close();
    CHECK(second->open(box).outcome == Outcome::ok);
    disk.kill();
    CHECK(first->open(box).outcome == Outcome::ok);
}

TEST_CASE("files of other programs are served with the size they have on the wire") {
    ForgetfulDisk disk;
    const std::string long_lf =
        "a: b\n\n" + std::string(5000, 'x') + "\n" + std::string(70000, 'y');
    put(disk, "/cur/1.lf:2,", "a: b\n\nc\n");
    put(disk, "/cur/2.crlf", "a: b\r\n\r\nc\r\n");
    put(disk, "/cur/3.mixed", "a: b\n\r\nc\n");
    put(disk, "/cur/4.long", long_lf);
    put(disk, "/cur/5.empty", "");
    put(disk, "/cur/6.noline", "abc");
    Access access(disk);
    CHECK(flat(access->open(box)) == "1.lf:11 2.crlf:11 3.mixed:11 4.long:" +
                                        std::to_string(long_lf.size() + 3) +
                                        " 5.empty:0 6.noline:3 ");
    CHECK(read(one(access, 3)) == long_lf);
}

TEST_CASE("a name that cannot be a UIDL gets another, the same each time") {
    ForgetfulDisk disk;
    put(disk, "/cur/1. space,S=1,W=1", "a");
    put(disk, "/cur/2." + std::string(80, 'x') + ",S=1,W=1", "b");
    Access access(disk);
    const std::string uidls = flat(access->open(box));
    CHECK(uidls.size() == 2 * (64 + 3));
    CHECK(uidls.substr(0, 64) != uidls.substr(67, 64));
    CHECK(flat(access->open(box)) == uidls);
}

TEST_CASE("two files of one base name do not share a UIDL") {
    ForgetfulDisk disk;
    put(disk, "/cur/1.a,S=1,W=1:2,", "a");
    put(disk, "/cur/1.a,S=1,W=1:2,S", "b");
    Access access(disk);
    const auto opened = access->open(box);
    REQUIRE(opened.maildrop->count() == 2);
    CHECK(opened.maildrop->uidl(0) != opened.maildrop->uidl(1));
}

TEST_CASE("TOP gives the header, the empty line and so many lines") {
    ForgetfulDisk disk;
    put(disk, "/new/1.crlf", "a: b\r\nc: d\r\n\r\n1\r\n\r\n3\r\n");
    put(disk, "/new/2.lf", "a: b\nc: d\n\n1\n\n3\n");
    put(disk, "/new/3.header", "a: b\r\n");
    const std::string large = "a: b\r\n\r\n" + std::string(200'000, 'x') + "\r\n2\r\n3\r\n";
    put(disk, "/new/4.large", large);
    Access access(disk);
    REQUIRE(access->open(box).outcome == Outcome::ok);
    CHECK(read(one(access, 0, 0)) == "a: b\r\nc: d\r\n\r\n");
    CHECK(read(one(access, 0, 1)) == "a: b\r\nc: d\r\n\r\n1\r\n");
    CHECK(read(one(access, 0, 2)) == "a: b\r\nc: d\r\n\r\n1\r\n\r\n");
    CHECK(read(one(access, 0, 99)) == "a: b\r\nc: d\r\n\r\n1\r\n\r\n3\r\n");
    CHECK(read(one(access, 1, 0)) == "a: b\nc: d\n\n");
    CHECK(read(one(access, 1, 2)) == "a: b\nc: d\n\n1\n\n");
    CHECK(read(one(access, 2, 0)) == "a: b\r\n");
    CHECK(read(one(access, 3, 2)) == large.substr(0, large.size() - 3));
    CHECK(read(one(access, 3)) == large);
}

TEST_CASE("a message that another program renamed is found again, one that is gone is not") {
    ForgetfulDisk disk;
    put(disk, "/new/1.a,S=1,W=1", "a");
    put(disk, "/new/2.b,S=1,W=1", "b");
    put(disk, "/cur/3.c,S=1,W=1:2,", "c");
    Access access(disk);
    REQUIRE(access->open(box).outcome == Outcome::ok);
    REQUIRE(disk.rename(box + "/new/1.a,S=1,W=1", box + "/cur/1.a,S=1,W=1:2,S"));
    REQUIRE(disk.remove(box + "/new/2.b,S=1,W=1"));
    const auto contents = access->load({{{0, {}}, {1, {}}, {2, {}}}});
    CHECK(read(contents.contents[0]) == "a");
    CHECK_FALSE(contents.contents[1].body);
    CHECK(contents.contents[1].outcome == Outcome::ok);
    CHECK(read(contents.contents[2]) == "c");
    CHECK(access->remove({{0, 1, 2}}).failed == 0);
    CHECK(disk.files().count(box + "/cur/1.a,S=1,W=1:2,S") == 0);
    CHECK(access->freed() == 3);
}

TEST_CASE("a file shorter than its name says is not passed off as the message") {
    ForgetfulDisk disk;
    put(disk, "/new/1.a,S=10,W=10", "short");
    Access access(disk);
    REQUIRE(access->open(box).outcome == Outcome::ok);
    const auto content = one(access, 0);
    CHECK_FALSE(content.body);
    CHECK(content.outcome == Outcome::temporary);
}

TEST_CASE("what was removed stays removed after a power cut") {
    ForgetfulDisk disk;
    put(disk, "/new/1.a,S=1,W=1", "a");
    put(disk, "/cur/2.b,S=1,W=1:2,S", "b");
    put(disk, "/cur/3.c,S=1,W=1:2,S", "c");
    Access access(disk);
    REQUIRE(access->open(box).outcome == Outcome::ok);
    CHECK(access->remove({{0, 1}}).failed == 0);
    access->close();
    disk.crash();
    CHECK(flat(access->open(box)) == "3.c:1 ");
}

TEST_CASE("what is not certainly removed is not called removed") {
    for (std::size_t step = 1; step <= 4; ++step) {
        ForgetfulDisk disk;
        put(disk, "/new/1.a,S=1,W=1", "a");
        put(disk, "/cur/2.b,S=1,W=1:2,S", "b");
        Access access(disk);
        REQUIRE(access->open(box).outcome == Outcome::ok);
        disk.fail_at(disk.steps() + step, EIO);
        INFO(step);
        CHECK(access->remove({{0, 1}}).failed > 0);
    }
}
