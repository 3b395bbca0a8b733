#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <iostream>

#include "config/edit.hpp"

using namespace mailhandler;
using namespace mailhandler::config;

namespace {

using Changes = std::vector<Change>;
const Date may_first = std::chrono::year(2027) / 5 / 1;

std::string edited(std::string_view text, const Changes& changes) {
    const auto after = edit(text, changes, "d.toml");
    return after ? *after : "refused: " + after.error().text();
}

struct Row {
    const char* what;
    std::string before;
    Changes changes;
    std::string after;
};

void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(edited(row.before, row.changes) == row.after);
    }
}

}  // namespace

TEST_CASE("Setting a key touches its value only") {
    check({
        {"a value", "[default]\naction   = 'reject'   # for now\n",
         {Set{{"default", "action"}, "deliver"}},
         "[default]\naction   = \"deliver\"   # for now\n"},
        {"the same value", "[default]\naction = 'reject' # x\n",
         {Set{{"default", "action"}, "reject"}}, "[default]\naction = 'reject' # x\n"},
        {"a quoted table", "[ mailbox . \"anne.smith\" ]\nquota=\"1 GiB\"",
         {Set{{"mailbox", "anne.smith", "quota"}, "2 GiB"}},
         "[ mailbox . \"anne.smith\" ]\nquota=\"2 GiB\""},
        {"an escaped key", "[alias]\n\"a\\u0062\" = ['x']\n", {Set{{"alias", "ab"}, Value{std::vector<std::string>{"y", "z"}}}},
         "[alias]\n\"a\\u0062\" = [\"y\", \"z\"]\n"},
        {"a dotted key", "mailbox.anne.quota = 5\n", {Set{{"mailbox", "anne", "quota"}, std::int64_t{6}}},
         "mailbox.anne.quota = 6\n"},
        {"an inline table", "[mailbox]\nanne = { quota = '1', password = 'x' } # A\n",
         {Set{{"mailbox", "anne", "quota"}, "2"}},
         "[mailbox]\nanne = { quota = \"2\", password = 'x' } # A\n"},
        {"a list over several lines", "[alias]\ninfo = [\n  'a',\n  'b',\n] # both\n",
         {Set{{"alias", "info"}, Value{std::vector<std::string>{"c"}}}},
         "[alias]\ninfo = [\"c\"] # both\n"},
        {"a multi-line string", "[bouncer.j]\ntext = \"\"\"a\\\n  \"b\"\"\"\" # t\nuntil = 2027-01-01\n",
         {Set{{"bouncer", "j", "text"}, "c"}, Set{{"bouncer", "j", "until"}, may_first}},
         "[bouncer.j]\ntext = \"c\" # t\nuntil = 2027-05-01\n"},
        {"CRLF and a BOM", "\xef\xbb\xbf[default]\r\naction = \"reject\"\r\n",
         {Set{{"default", "action"}, "deliver"}, Set{{"default", "quota"}, "1 GiB"}},
         "\xef\xbb\xbf[default]\r\naction = \"deliver\"\r\nquota = \"1 GiB\"\r\n"},
        {"a string that needs escapes", "[bouncer.j]\n",
         {Set{{"bouncer", "j", "text"}, "say \"no\" \\ café\t\x01"}},
         "[bouncer.j]\ntext = \"say \\\"no\\\" \\\\ café\\t\\u0001\"\n"},
    });
}

TEST_CASE("A new key goes behind the last of its table") {
    check({
        {"with its indentation", "[default]\n  action = \"reject\" # c\n  # note\n\n[alias]\n",
         {Set{{"default", "text"}, "no"}},
         "[default]\n  action = \"reject\" # c\n  text = \"no\"\n  # note\n\n[alias]\n"},
        {"in a table with comments only", "[alias]\n# info = [\"anne\"]\n\n[bouncer.x]\n",
         {Set{{"alias", "sales"}, Value{std::vector<std::string>{"anne"}}}},
         "[alias]\n# info = [\"anne\"]\nsales = [\"anne\"]\n\n[bouncer.x]\n"},
        {"whose comment is the next header's", "[alias]\n# about x\n[bouncer.x]\n",
         {Set{{"alias", "s"}, Value{std::vector<std::string>{"a"}}}},
         "[alias]\ns = [\"a\"]\n# about x\n[bouncer.x]\n"},
        {"without a last line end", "[default]\naction = \"reject\"", {Set{{"default", "text"}, "no"}},
         "[default]\naction = \"reject\"\ntext = \"no\""},
        {"behind a dotted key", "[mailbox]\nanne.quota = '1'\n", {Set{{"mailbox", "anne", "password"}, "$"}},
         "[mailbox]\nanne.quota = '1'\nanne.password = \"$\"\n"},
        {"in an inline table", "mailbox = { anne = {} }\n",
         {Set{{"mailbox", "anne", "quota"}, "1"}, Set{{"mailbox", "bob", "quota"}, "2"}},
         "mailbox = { anne = { quota = \"1\" }, bob.quota = \"2\" }\n"},
        {"at the top", "# mine\n\n[tls]\n", {Set{{"hostname"}, "h"}},
         "# mine\n\nhostname = \"h\"\n\n[tls]\n"},
        {"at the top behind others", "hostname = 'h'\n# p\n[tls]\n", {Set{{"postmaster"}, "p"}},
         "hostname = 'h'\npostmaster = \"p\"\n# p\n[tls]\n"},
    });
}

TEST_CASE("A new table goes to the end of its family") {
    check({
        {"in an empty file", "", {Set{{"default", "action"}, "reject"}},
         "[default]\naction = \"reject\"\n"},
        {"behind its brothers", "[mailbox.a]\nquota = '1'\n\n[mailbox.b]\nquota = '2'\n\n# lists\n[alias]\n",
         {Set{{"mailbox", "c.d", "quota"}, "3"}},
         "[mailbox.a]\nquota = '1'\n\n[mailbox.b]\nquota = '2'\n\n[mailbox.\"c.d\"]\nquota = \"3\"\n"
         "\n# lists\n[alias]\n"},
        {"where no blank line was", "[mailbox.a]\n[alias]\n", {Make{{"mailbox", "b"}}},
         "[mailbox.a]\n\n[mailbox.b]\n\n[alias]\n"},
        {"without brothers", "[alias]\na = ['b@c.example']\n", {Make{{"bouncer", "j"}}},
         "[alias]\na = ['b@c.example']\n\n[bouncer.j]\n"},
        {"without a last line end", "[alias]", {Set{{"bouncer", "j", "text"}, "x"}},
         "[alias]\n\n[bouncer.j]\ntext = \"x\""},
        {"behind comments only", "# nothing yet\n\n", {Make{{"bouncer", "j"}}},
         "# nothing yet\n\n[bouncer.j]\n"},
        {"with several keys", "", {Set{{"bouncer", "j", "text"}, "x"}, Set{{"bouncer", "j", "until"}, may_first}},
         "[bouncer.j]\ntext = \"x\"\nuntil = 2027-05-01\n"},
        {"that is there", "[bouncer.j]\n", {Make{{"bouncer", "j"}}}, "[bouncer.j]\n"},
        {"among dotted keys", "bouncer.a.text = 'x'\n", {Make{{"bouncer", "j"}}},
         "bouncer.a.text = 'x'\nbouncer.j = {}\n"},
        {"among indented ones", "[alias]\r\n  [mailbox.a]\r\n  quota = '1'\r\n", {Make{{"mailbox", "b"}}},
         "[alias]\r\n  [mailbox.a]\r\n  quota = '1'\r\n\r\n  [mailbox.b]\r\n"},
    });
}

TEST_CASE("Removing takes a key's line, or a table with its comment, and leaves the rest") {
    check({
        {"a key", "[alias]\n# a\na = ['x'] # gone\nb = ['y']\n", {Unset{{"alias", "a"}}},
         "[alias]\n# a\nb = ['y']\n"},
        {"a list over several lines", "[alias]\na = [ 'x', # one\n 'y' ]\nb = ['y']\n",
         {Unset{{"alias", "a"}}}, "[alias]\nb = ['y']\n"},
        {"a table between others",
         "[mailbox.a]\nquota = '1'\n\n# Bob\n# (sales)\n[mailbox.b]\n# note\nquota = '2'\n\n# lists\n\n[alias]\n",
         {Unset{{"mailbox", "b"}}}, "[mailbox.a]\nquota = '1'\n\n# lists\n\n[alias]\n"},
        {"the last table", "[alias]\n\n[bouncer.j]\ntext = 'x'\n", {Unset{{"bouncer", "j"}}}, "[alias]\n"},
        {"the first table", "[bouncer.j]\ntext = 'x'\n\n[alias]\n", {Unset{{"bouncer", "j"}}}, "[alias]\n"},
        {"what is not there", "[alias]\n", {Unset{{"bouncer", "j"}}}, "[alias]\n"},
        {"from an inline table", "[mailbox]\na = { x = 1, y = 2, z = 3 }\n", {Unset{{"mailbox", "a", "y"}}},
         "[mailbox]\na = { x = 1, z = 3 }\n"},
        {"the last of an inline table", "[mailbox]\na = { x = 1, y = 2 }\n", {Unset{{"mailbox", "a", "y"}}},
         "[mailbox]\na = { x = 1 }\n"},
        {"the only one of an inline table", "[mailbox]\na = { x = 1 }\n", {Unset{{"mailbox", "a", "x"}}},
         "[mailbox]\na = {  }\n"},
        {"dotted keys", "mailbox.a.x = 1\nmailbox.a.y = 2\nmailbox.b.x = 1\n", {Unset{{"mailbox", "a"}}},
         "mailbox.b.x = 1\n"},
        {"a table and what is added again", "[mailbox.a]\n\n[mailbox.b]\n\n[alias]\n",
         {Unset{{"mailbox", "b"}}, Make{{"mailbox", "b"}}}, "[mailbox.a]\n\n[mailbox.b]\n\n[alias]\n"},
    });
}

TEST_CASE("A shape that cannot be spliced safely is refused with its line") {
    check({
        {"comments in a list", "[alias]\ninfo = [ 'a', # first\n 'b' ]\n",
         {Set{{"alias", "info"}, Value{std::vector<std::string>{"c"}}}},
         "refused: d.toml:2: the list info holds comments, which would be lost; change it by hand"},
        {"braces over several lines", "[mailbox]\na = { l = [\n1] }\n", {Set{{"mailbox", "a", "q"}, "1"}},
         "refused: d.toml:2: the table a stands in braces over several lines; change it by hand"},
        {"a list of tables", "\n[[mailbox]]\nx = 1\n", {Set{{"mailbox", "a", "q"}, "1"}},
         "refused: d.toml:2: this is a list of tables, [[…]]"},
        {"a table where a value is asked for", "[alias.info]\n", {Set{{"alias", "info"}, "x"}},
         "refused: d.toml:1: alias.info is a table here"},
        {"a value where a table is asked for", "mailbox = 1\n", {Set{{"mailbox", "a", "q"}, "1"}},
         "refused: d.toml:1: mailbox is not a table"},
        {"broken TOML", "[alias\n", {Set{{"alias", "x"}, "1"}},
         "refused: d.toml:1:7: Error while parsing table header: expected ']', saw '\\n'; correct "
         "this first"},
        {"a value that is no UTF-8", "[alias]\n", {Set{{"alias", "x"}, "\xff"}},
         edited("[alias]\n", {Set{{"alias", "x"}, "\xff"}})},
    });
    CHECK_FALSE(edit("[alias]\n", {Set{{"alias", "x"}, "\xff"}}, "d"));
    CHECK_FALSE(edit("", {Unset{{}}}, "d"));
}

TEST_CASE("A difference reads as diff -u prints it") {
    CHECK(difference("a\n", "a\n", "f").empty());
    CHECK(difference("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "f") ==
          "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    CHECK(difference("", "a\n", "f") == "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n");
    CHECK(difference("a", "a\n", "f") ==
          "--- f\n+++ f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    CHECK(difference("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "b\nc\nd\ne\nf\ng\nh\ni\nj\nk\n", "f") ==
          "--- f\n+++ f\n@@ -1,4 +1,3 @@\n-a\n b\n c\n d\n@@ -8,3 +7,4 @@\n h\n i\n j\n+k\n");
}

TEST_CASE("A file is edited durably, keeps its permissions, and is judged as the server would") {
    char name[] = "/tmp/mailhandler-config-XXXXXX";
    const std::string root = mkdtemp(name);
    const auto disk = disk::system_disk();
    const std::string file = "domains/example.com.toml", path = root + '/' + file;
    const auto lock = lock_for_edit(*disk, root);
    REQUIRE(lock);

    const Changes make{Set{{"default", "action"}, "reject"}};
    auto dry = edit_file(*disk, root, file, make, {}, true);
    REQUIRE(dry);
    CHECK(dry->created);
    CHECK(dry->diff() == "--- " + file + "\n+++ " + file +
                             "\n@@ -0,0 +1,2 @@\n+[default]\n+action = \"reject\"\n");
    CHECK_FALSE(disk::exists(*disk, path));

    REQUIRE(edit_file(*disk, root, file, make));
    CHECK(disk->status(path)->mode == 0640);
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    REQUIRE(edit_file(*disk, root, file, {Make{{"mailbox", "anne"}}}));
    CHECK(disk->status(path)->mode == 0600);
    CHECK(disk::read_file(*disk, path).value() ==
          "[default]\naction = \"reject\"\n\n[mailbox.anne]\n");
    const auto same = edit_file(*disk, root, file, make);
    REQUIRE(same);
    CHECK_FALSE(same->changed());

    // What the edit reports is what the file says: a bouncer may have no words.
    REQUIRE(edit_file(*disk, root, file, {Set{{"bouncer", "john", "text"}, "left"}}));
    const auto bare = edit_file(*disk, root, file, {Unset{{"bouncer", "john", "text"}}});
    REQUIRE(bare);
    REQUIRE(bare->domain);
    CHECK(bare->domain->bouncer("john"));
    CHECK(bare->domain->mailbox("anne"));
    REQUIRE(edit_file(*disk, root, file, {Unset{{"bouncer", "john"}}}));

    const Changes wrong{Set{{"alias", "x"}, Value{std::vector<std::string>{"nobody"}}}};
    const auto refused = edit_file(*disk, root, file, wrong);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().cause.rfind(file + ":7:1: error: ", 0) == 0);
    CHECK_FALSE(refused.error().temporary);
    const auto objected = edit_file(*disk, root, file, {Make{{"bouncer", "j"}}}, [&](auto) {
        return std::vector<Problem>{{file, 1, 1, "not today", true}};
    });
    REQUIRE_FALSE(objected);
    CHECK(objected.error().text() == file + ":1:1: error: not today");
    CHECK_FALSE(edit_file(*disk, root, "elsewhere.toml", make));

    REQUIRE(::symlink("example.com.toml", (root + "/domains/link.example.toml").c_str()) == 0);
    const auto linked = edit_file(*disk, root, "domains/link.example.toml", make);
    REQUIRE_FALSE(linked);
    CHECK(linked.error().cause.find("symbolic link") != std::string::npos);
    (void)disk::remove_tree(*disk, root);
}

TEST_CASE("What an edit in a file of a hundred thousand addresses costs", "[.bench]") {
    std::string text;
    for (int i = 0; i < 50'000; ++i)
        text += fmt::format("[mailbox.user{}]\npassword = \"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94"
                            "c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7\"\nquota = \"2 GiB\"\n\n", i);
    text += "[alias]\n";
    for (int i = 0; i < 30'000; ++i) text += fmt::format("list{0} = [\"user{0}\", \"x@y.example\"]\n", i);
    for (int i = 0; i < 20'000; ++i)
        text += fmt::format("[bouncer.gone{}]\ntext = \"gone\"\nuntil = 2027-05-01\n", i);
    const Changes changes{Unset{{"mailbox", "user40000"}},
                          Set{{"bouncer", "user40000", "text"}, "left"},
                          Set{{"bouncer", "user40000", "until"}, may_first}};
    // The whole way of a command: load, edit, judge, write. CPU time, which a busy machine leaves alone.
    const auto disk = disk::system_disk();
    const std::string root = fmt::format("/tmp/edit_bench.{}", ::getpid());
    const std::string file = "domains/example.com.toml";
    REQUIRE(disk::make_directories(*disk, root + "/domains"));
    REQUIRE(disk::replace_file(*disk, root + '/' + file, text, 0640));
    const auto begin = std::clock();
    REQUIRE(load_domain(*disk, root, "example.com").ok());
    const auto between = std::clock();
    const auto edited = edit_file(*disk, root, file, changes);
    REQUIRE(edited);
    CHECK(edited->changed());
    const std::size_t shown = edited->diff().size();
    const auto end = std::clock();
    (void)disk::remove_tree(*disk, root);
    const auto ms = [](auto ticks) { return static_cast<double>(ticks) * 1000 / CLOCKS_PER_SEC; };
    std::cout << fmt::format("a file of 100,000 addresses ({} MB), CPU time: load {:.0f} ms, 3 changes "
                             "with all judgement and a difference of {} octets {:.0f} ms\n",
                             text.size() >> 20, ms(between - begin), shown, ms(end - between));
}
