// What dialogs are too small for: many messages, many commands, flat memory.
#include <catch2/catch.hpp>

#include "imap/server_session.hpp"

using namespace mailhandler;

namespace {

// Messages 1 … n of the same octets.
struct Owner {
    std::size_t count;
    std::string text = std::string(4096, 'x');
    std::size_t questions = 0, largest = 0;

    imap::Answer answer(imap::Question question) {
        ++questions;
        if (std::holds_alternative<imap::Select>(question)) return select();
        if (auto* fetch = std::get_if<imap::Fetch>(&question)) return contents(*fetch);
        if (auto* store = std::get_if<imap::Store>(&question)) {
            imap::Stored stored;
            for (imap::Uid uid = store->uids.first(); uid <= store->uids.last(); ++uid)
                stored.changes.changed.push_back({uid, imap::flag_seen, 2});
            return stored;
        }
        if (std::holds_alternative<imap::Refresh>(question)) return imap::Refreshed{};
        return imap::Verdict{};
    }
    imap::Answer select() const {
        imap::Selected selected;
        for (imap::Uid uid = 1; uid <= count; ++uid) selected.messages.push_back({uid, 0, 1});
        selected.uid_next = static_cast<imap::Uid>(count + 1);
        return selected;
    }
    imap::Answer contents(const imap::Fetch& fetch) {
        largest = std::max(largest, fetch.uids.size());
        imap::Fetched fetched;
        for (const imap::Uid uid : fetch.uids) {
            imap::Content content;
            content.uid = uid;
            content.size = text.size();
            for (std::size_t i = 0; i < fetch.items.sections.size(); ++i) {
                content.sections.emplace_back();
                content.sections.back().octets = text;
            }
            fetched.contents.push_back(std::move(content));
        }
        return fetched;
    }
};

struct Line {
    explicit Line(std::size_t count) : owner{count}, session(settings(), {"::1", 1, true, false}) {
        run();
        say("a LOGIN anne secret\r\nb SELECT INBOX\r\n");
        lines = 0;
        owner.questions = 0;
    }
    static imap::Settings settings() {
        imap::Settings settings;
        settings.hostname = "h";
        return settings;
    }
    void say(std::string_view octets) {
        session.receive(octets);
        run();
    }
    void run() {
        for (;;) {
            auto action = session.next(Instant{std::chrono::hours(1)});
            if (auto* send = std::get_if<wire::Send>(&action)) {
                largest = std::max(largest, send->octets.size());
                for (const char c : send->octets) lines += c == '\n';
                last = std::move(send->octets);
            } else if (auto* ask = std::get_if<wire::Ask<imap::Question>>(&action)) {
                session.answer(owner.answer(std::move(ask->question)));
            } else {
                return;
            }
        }
    }

    Owner owner;
    imap::ServerSession session;
    std::size_t lines = 0, largest = 0;
    std::string last;
};

}  // namespace

TEST_CASE("The flags of 100,000 messages leave in small pieces and ask nobody") {
    Line line(100'000);
    line.say("c UID FETCH 1:* (FLAGS)\r\n");
    CHECK(line.lines == 100'001);
    CHECK(line.largest < 20'000);
    CHECK(line.owner.questions == 0);
    line.say("d STORE 1:* +FLAGS (\\Seen)\r\n");
    CHECK(line.lines == 200'002);
    CHECK(line.largest < 20'000);
    CHECK(line.owner.questions == 1);
}

TEST_CASE("Messages are asked for in batches, their sizes in larger ones") {
    Line line(1000);
    line.say("c UID FETCH 1:* (BODY.PEEK[])\r\n");
    CHECK(line.lines == 2001);
    CHECK(line.owner.largest == 64);
    CHECK(line.owner.questions == 16);
    CHECK(line.largest < 30'000);
    line.say("d FETCH 1:* RFC822.SIZE\r\n");
    CHECK(line.owner.questions == 17);
}

TEST_CASE("64 commands that wait need one question") {
    Line line(100);
    std::string commands;
    for (int i = 1; i <= 64; ++i)
        commands +=
            "c" + std::to_string(i) + " UID FETCH " + std::to_string(i) + " (BODY.PEEK[])\r\n";
    line.say(commands);
    CHECK(line.owner.questions == 1);
    CHECK(line.lines == 3 * 64);
    CHECK(line.last.ends_with("c64 OK Fetched\r\n"));
}

TEST_CASE("A session that is only logged in is small") {
    CHECK(sizeof(imap::ServerSession) < 3000);
}
