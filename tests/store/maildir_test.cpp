#include "store/maildir.hpp"
#include "store/maildir_listing.hpp"

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "store/node.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::TemporaryDirectory;

namespace {

void put(disk::Disk& disk, const std::string& path, std::string_view content = "x") {
    REQUIRE(disk::replace_file(disk, path, content));
}

}  // namespace

TEST_CASE("Names that other programs gave their messages are understood") {
    using Size = std::optional<std::uint64_t>;
    struct {
        std::string file, base;
        Size size, wire;
        std::string flags;
    } const table[] = {
        {"1795411214.M123456P4711Q17.mx1,S=1000,W=1000", "1795411214.M123456P4711Q17.mx1", 1000, 1000, ""},
        // Dovecot
        {"1700000000.M1P2.host,S=4321,W=4400:2,FS", "1700000000.M1P2.host", 4321, 4400, "FS"},
        // Postfix virtual(8)
        {"1700000000.V801I5e3aM12345.mail.example", "1700000000.V801I5e3aM12345.mail.example", {}, {}, ""},
        // getmail
        {"1700000000.M10P20Q1R5f.host", "1700000000.M10P20Q1R5f.host", {}, {}, ""},
        {"1700000000.H1P2.host,U=5:2,", "1700000000.H1P2.host", {}, {}, ""},
        {"a,S=12x,W=5", "a", {}, 5, ""},
        {"a,S=99999999999999999999999", "a", {}, {}, ""},
        {"a:1,S=5", "a", {}, {}, ""},
        {"a:2,S,S=7", "a", {}, {}, "S,S=7"},
    };
    for (const auto& each : table) {
        INFO(each.file);
        const auto name = parse_message_name(each.file);
        REQUIRE(name);
        CHECK(name->file == each.file);
        CHECK(name->base == each.base);
        CHECK(name->size == each.size);
        CHECK(name->wire == each.wire);
        CHECK(name->flags == each.flags);
    }
    for (const char* file : {"", ".nfs0001", ".", ",S=5", ":2,S"}) {
        CHECK_FALSE(parse_message_name(file));
    }
}

TEST_CASE("Unique names differ and keep within a UIDL whatever the node is called") {
    const SystemClock clock;
    UniqueNames names(clock, std::string(300, 'n') + "/:,", 4194304);
    std::set<std::string> seen;
    for (int count = 0; count < 1000; ++count) {
        const std::string name = names.next();
        CHECK(name.size() <= 70);
        CHECK(name.find_first_of("/:,") == name.npos);
        CHECK(seen.insert(name).second);
        CHECK(parse_message_name(name + ",S=1,W=1")->base == name);
    }
}

TEST_CASE("A node id is fit for a file name and long names stay apart") {
    CHECK(node_id("mx1.example.com") == "mx1.example.com");
    CHECK(node_id("a/b:c,d") == "a-b-c-d");
    CHECK(node_id("..") == "-.");
    CHECK_FALSE(node_id("").empty());
    const std::string one = node_id(std::string(60, 'x') + "1"), two = node_id(std::string(60, 'x') + "2");
    CHECK(one.size() == 24);
    CHECK(one != two);
}

TEST_CASE("One serve per root") {
    const TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const Layout layout(root.path());
    const auto first = take_serve_lock(*disk, layout);
    REQUIRE(first);
    const auto second = take_serve_lock(*disk, layout);
    REQUIRE_FALSE(second);
    CHECK(second.error().temporary);
}

TEST_CASE("A maildir is listed oldest first, each message once, without what is no message") {
    const TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const std::string maildir = root / "mail/example.com/anne";
    CHECK(list_maildir(*disk, maildir).value().empty());
    REQUIRE(make_maildir(*disk, maildir));
    REQUIRE(make_maildir(*disk, maildir));
    put(*disk, maildir + "/new/1700000002.b.host");
    put(*disk, maildir + "/cur/1700000001.a.host:2,S");
    put(*disk, maildir + "/new/999999999.old.host");
    put(*disk, maildir + "/cur/1700000003.c.host,S=10:2,RS");
    put(*disk, maildir + "/new/1700000003.c.host,S=10");  // seen while it moved
    put(*disk, maildir + "/new/.hidden");
    REQUIRE(disk->make_directory(maildir + "/new/1700000004.directory"));
    REQUIRE(::symlink("/etc/passwd", (maildir + "/new/1700000005.link").c_str()) == 0);
    const auto messages = list_maildir(*disk, maildir).value();
    std::vector<std::string> bases;
    for (const auto& each : messages) bases.emplace_back(each.base());
    CHECK(bases == std::vector<std::string>{"999999999.old.host", "1700000001.a.host",
                                            "1700000002.b.host", "1700000003.c.host"});
    CHECK_FALSE(messages[3].in_new());
    CHECK(parse_message_name(messages[3].file())->flags == "RS");
}

TEST_CASE("Usage counts folders, asks the disk only without a size, and follows no link") {
    const TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const std::string maildir = root / "mail/example.com/anne";
    REQUIRE(make_maildir(*disk, maildir));
    REQUIRE(make_maildir(*disk, maildir + "/.Archive"));
    put(*disk, maildir + "/new/1.a,S=1000,W=1000");
    put(*disk, maildir + "/cur/2.b:2,S", "12345");
    put(*disk, maildir + "/.Archive/cur/3.c,S=100:2,");
    put(*disk, maildir + "/tmp/4.d,S=7777");
    const std::string elsewhere = root / "elsewhere";
    REQUIRE(make_maildir(*disk, elsewhere));
    put(*disk, elsewhere + "/new/5.e,S=5000");
    REQUIRE(::symlink(elsewhere.c_str(), (maildir + "/.Link").c_str()) == 0);
    REQUIRE(::symlink((elsewhere + "/new/5.e,S=5000").c_str(), (maildir + "/new/6.f").c_str()) == 0);
    REQUIRE(disk->make_directory(maildir + "/.Half"));
    REQUIRE(::symlink((elsewhere + "/new").c_str(), (maildir + "/.Half/cur").c_str()) == 0);
    const auto usage = measure(*disk, maildir).value();
    CHECK(usage.octets == 1105);
    CHECK(usage.messages == 3);
    CHECK(measure(*disk, root / "none").value().messages == 0);
}

TEST_CASE("W counts what a message has on the wire, where its lines end in LF alone") {
    const auto sizes = [](std::vector<std::string_view> parts, bool more) {
        std::uint64_t size = 0;
        for (const auto part : parts) size += part.size();
        return sizes_in_name(size, parts, more);
    };
    CHECK(sizes({"a\r\nb\r\n"}, false) == ",S=6,W=6");
    CHECK(sizes({"a\r", "\nb\n", "", "\nc"}, false) == ",S=7,W=9");
    CHECK(sizes({"\n"}, false) == ",S=1,W=2");
    CHECK(sizes({}, false) == ",S=0,W=0");
    CHECK(sizes({"a\r\n"}, true) == ",S=3,W=3");
    CHECK(sizes({"a\n"}, true) == ",S=2");
}
