// The held area: what is listed, opened and removed there, and what never is.
#include "store/held.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using namespace std::chrono_literals;
using mailhandler::test::ForgetfulDisk;

namespace {

const Layout layout("/root");
constexpr WallTime noon = WallTime(1795411214s);

HeldNote note_of(const std::string& id, WallTime when = noon) {
    HeldNote note;
    note.id = id;
    note.when = when;
    note.fetch = "office";
    note.recipient = "zzz@example.com";
    note.header = "X-Rcpt-To";
    note.sender = "sam@sender.example";
    note.reason = "would-bounce";
    note.text = "550 5.1.1 No such person";
    note.size = 7;
    note.message_id = "<1@sender.example>";
    return note;
}

void add(Held& held, const HeldNote& note, const std::string& message = "message") {
    REQUIRE(held.add(copy_to_held(layout, "example.com", note, {message}).value()));
}

std::vector<std::string> listed(Held& held) {
    std::vector<std::string> found;
    REQUIRE(held.each([&found](const HeldNote& note) {
        found.push_back(note.id + ' ' + note.reason);
        return true;
    }));
    return found;
}

}  // namespace

TEST_CASE("a note is one line, whatever words are in it, and is read back as it was") {
    HeldNote note = note_of("1795411214.M1P2Q3.mx");
    note.to = "friend@far.example";
    note.others = {"a@x", "b@x"};
    note.text = "two\nlines \"quoted\" \\ \x01 and \xff octets";
    const std::string line = to_line(note);
    CHECK(line.find('\n') == line.size() - 1);
    const auto back = held_note(line);
    REQUIRE(back);
    CHECK(back->text == "two\nlines \"quoted\" \\ \x01 and \xef\xbf\xbd octets");
    CHECK(back->when == note.when);
    CHECK(back->others == note.others);
    CHECK(to_line(*back) == to_line(note));

    note.text = std::string(100'000, 'x');
    CHECK(to_line(note).size() < 2000);
    for (const char* bad : {"", "rubbish\n", "{}\n", "[1]\n", "{\"id\":1,\"time\":0,\"size\":0}\n",
                            "{\"id\":\"x\",\"time\":\"0\",\"size\":0}\n",
                            "{\"id\":\"x\",\"time\":0,\"size\":0,\"reason\":5}\n"})
        CHECK_FALSE(held_note(bad).has_value());
}

TEST_CASE("a held message is opened octet for octet, listed oldest first, and removed") {
    ForgetfulDisk disk;
    Held held(disk, layout);
    CHECK(listed(held).empty());
    CHECK(held.usage()->messages == 0);
    add(held, note_of("1795411216.M1P1Q1.mx"), "second");
    add(held, note_of("1795411215.M1P1Q1.mx"), std::string("first\n\0\xff", 8));
    disk.crash();
    CHECK(listed(held) == std::vector<std::string>{"1795411215.M1P1Q1.mx would-bounce",
                                                   "1795411216.M1P1Q1.mx would-bounce"});
    CHECK(held.ids()->size() == 2);
    auto open = held.open("1795411215.M1P1Q1.mx");
    REQUIRE(open);
    CHECK(open->note.recipient == "zzz@example.com");
    CHECK(open->size == 8);
    std::string content(open->size, ' ');
    CHECK(open->file->read_at(open->begin, content.data(), content.size()).value() == 8);
    CHECK(content == std::string("first\n\0\xff", 8));

    const auto usage = held.usage();
    CHECK(usage->messages == 2);
    CHECK(usage->octets == 6 + 8 + to_line(note_of("1795411216.M1P1Q1.mx")).size() * 2);

    REQUIRE(held.remove("1795411215.M1P1Q1.mx"));
    disk.crash();
    CHECK(listed(held).size() == 1);
    CHECK(held.remove("1795411215.M1P1Q1.mx").error().error == ENOENT);
    CHECK(held.open("1795411215.M1P1Q1.mx").error().error == ENOENT);
}

TEST_CASE("an id that somebody typed never becomes a path") {
    ForgetfulDisk disk;
    Held held(disk, layout);
    add(held, note_of("1795411215.M1P1Q1.mx"));
    REQUIRE(disk::replace_file(disk, "/root/mailhandler.toml", "precious"));
    for (const std::string id : {"../mailhandler.toml", "/root/mailhandler.toml", "..", ".", "",
                                 ".lock", "1795411215.M1P1Q1.mx,S=300", "a/../../x", "*"}) {
        CAPTURE(id);
        CHECK(held.open(id).error().error == ENOENT);
        CHECK(held.remove(id).error().error == ENOENT);
    }
    CHECK(disk::exists(disk, "/root/mailhandler.toml"));
    CHECK(is_held_id("1795411215.M1P1Q1.mx"));
    CHECK_FALSE(is_held_id("../x"));
    CHECK_FALSE(is_held_id("a b"));
    CHECK_FALSE(is_held_id("a,b"));
}

TEST_CASE("a damaged first line is shown, and hides nothing else") {
    ForgetfulDisk disk;
    Held held(disk, layout);
    add(held, note_of("1795411215.M1P1Q1.mx"));
    REQUIRE(disk::replace_file(disk, "/root/held/1795411214.M1P1Q1.mx,S=7", "rubbish"));
    REQUIRE(disk::replace_file(disk, "/root/held/1795411216.M1P1Q1.mx,S=2000000",
                               std::string(2'000'000, 'x')));
    REQUIRE(disk::replace_file(disk, "/root/held/notes of the operator", "hello"));
    CHECK(listed(held) == std::vector<std::string>{"1795411214.M1P1Q1.mx unreadable",
                                                   "1795411215.M1P1Q1.mx would-bounce",
                                                   "1795411216.M1P1Q1.mx unreadable"});
    CHECK(held.open("1795411214.M1P1Q1.mx").error().cause == "its first line is damaged");
    CHECK(held.remove("1795411214.M1P1Q1.mx").has_value());
}

TEST_CASE("what is older than its time goes, and nothing younger") {
    ForgetfulDisk disk;
    Held held(disk, layout);
    for (const char* id : {"1795411214.M1P1Q1.mx", "1795411215.M1P1Q1.mx", "1795411216.M1P1Q1.mx"})
        add(held, note_of(id));
    CHECK(held.expire(noon)->empty());
    CHECK(*held.expire(noon + 1s) == std::vector<std::string>{"1795411214.M1P1Q1.mx"});
    disk.crash();
    CHECK(listed(held).size() == 2);
}

TEST_CASE("a held copy is there whole or not at all, wherever the power goes") {
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        disk.cut_at(step);
        Held held(disk, layout);
        const auto added =
            held.add(copy_to_held(layout, "example.com", note_of("1795411215.M1P1Q1.mx"), {"message"}).value());
        const bool finished = !disk.is_cut();
        disk.crash(test::Survives::entries);
        Held after(disk, layout);
        for (const auto& [path, content] : disk.files())
            if (path.starts_with("/root/held/")) CHECK(content.ends_with("message"));
        if (added) CHECK(listed(after).size() == 1);
        if (finished) break;
    }
}

TEST_CASE("one releases at a time") {
    ForgetfulDisk disk;
    Held one(disk, layout), other(disk, layout);
    {
        const auto lock = one.lock();
        REQUIRE(lock);
        CHECK(other.lock().error().temporary);
        CHECK(listed(one).empty());
    }
    CHECK(other.lock().has_value());
}
