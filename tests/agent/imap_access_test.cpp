#include "agent/imap_access.hpp"

#include "agent/password.hpp"
#include "mailroom.hpp"
#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using agent::ImapAccess;
using imap::Code;
using imap::Uid;

namespace {

struct Session {
    explicit Session(test::TestRoom& room, store::Mailboxes& boxes, agent::Logins& logins)
        : access(room.room, boxes, logins, client,
                 [this](std::vector<std::string> directories) { watched = std::move(directories); }) {}

    template <class Answer, class Question>
    Answer ask(Question question) {
        return std::get<Answer>(access.answer(std::move(question)));
    }
    template <class Question>
    Code verdict(Question question) {
        const auto answer = ask<imap::Verdict>(std::move(question));
        return answer.ok ? Code::none : answer.code;
    }
    Code login(const std::string& login = "anne@example.com", const std::string& password = "s") {
        verdict(imap::MayConnect{});
        return verdict(imap::MayLogin{login, password});
    }
    imap::Selected select(const std::string& name = "INBOX", bool read_only = false) {
        imap::Select question;
        question.name = name;
        question.read_only = read_only;
        return ask<imap::Selected>(question);
    }
    // "+1 +2 ~3 -4:5", and "gone"
    std::string refresh() { return flat(ask<imap::Refreshed>(imap::Refresh{}).changes); }
    static std::string flat(const imap::Changes& changes) {
        std::string text;
        for (const auto& each : changes.fresh) text += '+' + std::to_string(each.uid) + ' ';
        for (const auto& each : changes.changed) text += '~' + std::to_string(each.uid) + ' ';
        if (!changes.vanished.empty()) text += '-' + changes.vanished.text() + ' ';
        if (changes.gone) text += "gone ";
        return text;
    }
    imap::Appended append(const std::string& mailbox, const std::string& text,
                          std::uint32_t pieces = 1) {
        imap::AppendMessage message;
        message.mailbox = mailbox;
        message.flags.system = imap::flag_seen;
        message.internal_date = 1'000'000'000;
        message.size = text.size() * pieces;
        imap::Appended refused;
        refused.verdict = ask<imap::Verdict>(message);
        if (!refused.verdict.ok) return refused;
        for (std::uint32_t i = 0; i < pieces; ++i)
            REQUIRE(verdict(imap::AppendOctets{text, i + 1 == pieces}) == Code::none);
        return ask<imap::Appended>(imap::AppendCommit{});
    }

    imap::Client client;
    std::vector<std::string> watched;
    ImapAccess access;
};

imap::UidSet set(Uid first, Uid last) {
    imap::UidSet uids;
    uids.add(first, last);
    return uids;
}

struct Office {
    test::ForgetfulDisk disk;
    SystemRandom random;
    test::TestRoom room{disk,
                        {{"example.com", "[mailbox.anne]\npassword = \"" +
                                             agent::hash_password("s", random).value() +
                                             "\"\nquota = \"1000\"\n[mailbox.bob]\npassword = \"" +
                                             agent::hash_password("s", random).value() + "\"\n"}}};
    store::Mailboxes boxes{{disk, room.store, room.names, room.clock, random, Log()}};
    agent::Logins logins{room.clock};
    const std::string maildir = "/r/mail/example.com/anne";

    void deliver(const std::string& file, const std::string& text = "a: b\r\n\r\nc\r\n") {
        REQUIRE(store::make_maildir(disk, maildir));
        room.clock.pass(std::chrono::seconds(6));
        disk.set_time(room.clock.wall());
        auto made = disk.create(maildir + "/" + file, 0600);
        REQUIRE(made);
        REQUIRE((*made)->write(text));
    }
    Session session() { return Session(room, boxes, logins); }
};

}  // namespace

TEST_CASE("IMAP: who logs in sees INBOX, whatever was there before") {
    Office office;
    Session session = office.session();
    CHECK(session.login("anne@example.com", "wrong") == Code::authentication_failed);
    REQUIRE(session.login() == Code::none);
    const auto folders = session.ask<imap::Folders>(imap::ListFolders{});
    REQUIRE(folders.folders.size() == 1);
    CHECK(folders.folders[0].name == "INBOX");
    const auto selected = session.select();
    CHECK(selected.verdict.ok);
    CHECK(selected.messages.empty());
    CHECK(selected.uid_next == 1);
    CHECK(session.select("Nowhere").verdict.code == Code::nonexistent);
    CHECK(session.select("a/b").verdict.code == Code::cannot);
    CHECK(session.select("a/b").verdict.text == "It is no name for a folder");
}

TEST_CASE("IMAP: two sessions of one mailbox tell each other what they do") {
    Office office;
    office.deliver("new/1.a,S=10,W=10");
    office.deliver("cur/2.b:2,S");
    Session one = office.session(), two = office.session();
    REQUIRE(one.login() == Code::none);
    REQUIRE(two.login() == Code::none);
    const auto selected = one.select();
    CHECK(selected.messages.size() == 2);
    CHECK(selected.first_recent == 1);
    CHECK(two.select().first_recent == 0);
    imap::Store store;
    store.uids = set(1, 9);
    store.flags.system = imap::flag_flagged;
    store.flags.keywords = {"todo"};
    const auto stored = one.ask<imap::Stored>(store);
    CHECK(Session::flat(stored.changes) == "~1 ~2 ");
    REQUIRE(stored.changes.keywords);
    CHECK(*stored.changes.keywords == std::vector<std::string>{"todo"});
    CHECK(one.refresh() == "");
    CHECK(two.refresh() == "~1 ~2 ");
    office.deliver("new/3.c");
    CHECK(two.refresh() == "+3 ");
    imap::Store remove = store;
    remove.flags = {imap::flag_deleted, {}};
    remove.uids = set(2, 2);
    CHECK(Session::flat(two.ask<imap::Stored>(remove).changes) == "~2 ");
    CHECK(Session::flat(two.ask<imap::Changed>(imap::Expunge{set(1, 1)}).changes) == "");
    CHECK(Session::flat(two.ask<imap::Changed>(imap::Expunge{}).changes) == "-2 ");
    CHECK(one.refresh() == "+3 -2 ");
}

TEST_CASE("IMAP: what arrives is recent to the session that sees it first") {
    Office office;
    Session one = office.session(), two = office.session(), looker = office.session();
    for (Session* each : {&one, &two, &looker}) REQUIRE(each->login() == Code::none);
    CHECK(one.select().first_recent == 0);
    CHECK(two.select().first_recent == 0);
    CHECK(looker.select("INBOX", true).first_recent == 0);
    const auto first_recent = [](Session& session) {
        return session.ask<imap::Refreshed>(imap::Refresh{}).changes.first_recent;
    };
    office.deliver("new/1.a");
    CHECK(first_recent(looker) == 1);
    CHECK(first_recent(one) == 1);
    CHECK(first_recent(two) == 0);
    REQUIRE(two.append("INBOX", "x: y\r\n\r\n").changes.first_recent == 2);
    CHECK(first_recent(one) == 0);
}

TEST_CASE("IMAP: a mailbox that was deleted in the meantime is closed without complaint") {
    Office office;
    Session session = office.session();
    REQUIRE(session.login() == Code::none);
    for (const bool renamed : {false, true}) {
        REQUIRE(session.verdict(imap::Create{"old", {}}) == Code::none);
        REQUIRE(session.select("old").verdict.ok);
        if (renamed)
            REQUIRE(session.verdict(imap::Rename{"old", "new"}) == Code::none);
        else
            REQUIRE(session.verdict(imap::Delete{"old"}) == Code::none);
        CHECK(session.verdict(imap::Unselect{true}) == Code::none);
    }
}

TEST_CASE("IMAP: STATUS tells what the deleted ones hold") {
    Office office;
    office.deliver("cur/1.a,S=10,W=10:2,T");
    office.deliver("cur/2.b,S=20,W=21:2,S");
    office.deliver("cur/3.c,S=30,W=32:2,ST");
    Session session = office.session();
    REQUIRE(session.login() == Code::none);
    imap::GetStatus question;
    question.names = {"INBOX"};
    question.deleted_size = true;
    const auto statuses = session.ask<imap::Statuses>(question);
    REQUIRE(statuses.statuses.size() == 1);
    CHECK(statuses.statuses[0].deleted_size == 42);
    CHECK(statuses.statuses[0].deleted == 2);
}

TEST_CASE("IMAP: a message is read with its flags set, and found where another moved it") {
    Office office;
    office.deliver("new/1.a,S=11,W=11", "a: b\r\n\r\nx\r\n");
    Session session = office.session();
    REQUIRE(session.login() == Code::none);
    REQUIRE(session.select("INBOX", true).verdict.ok);
    imap::Fetch fetch;
    fetch.uids = {1, 7};
    fetch.items.sections.push_back({});
    fetch.items.mark_seen = true;
    auto fetched = session.ask<imap::Fetched>(fetch);
    REQUIRE(fetched.contents.size() == 2);
    CHECK(fetched.contents[0].sections[0].octets == "a: b\r\n\r\nx\r\n");
    CHECK(fetched.contents[1].gone);
    CHECK(Session::flat(fetched.changes) == "");  // it is only looked at
    REQUIRE(session.select().verdict.ok);
    REQUIRE(office.disk.rename(office.maildir + "/cur/1.a,S=11,W=11:2,",
                               office.maildir + "/cur/1.a,S=11,W=11:2,F"));
    fetch.uids = {1};
    fetched = session.ask<imap::Fetched>(fetch);
    CHECK(Session::flat(fetched.changes) == "~1 ");
    CHECK(fetched.changes.changed[0].flags == (imap::flag_seen | imap::flag_flagged));
}

TEST_CASE("IMAP: what is appended has its UID, and not more than the quota") {
    Office office;
    Session session = office.session();
    REQUIRE(session.login() == Code::none);
    CHECK(session.append("Sent", "x").verdict.code == Code::try_create);
    CHECK(session.verdict(imap::AppendDiscard{}) == Code::none);
    REQUIRE(session.verdict(imap::Create{"Sent", imap::SpecialUse::none}) == Code::none);
    REQUIRE(session.select("Sent").verdict.ok);
    const auto first = session.append("Sent", "a: b\r\n\r\nc\r\n");
    CHECK(first.uids == std::vector<Uid>{1});
    CHECK(Session::flat(first.changes) == "+1 ");
    CHECK(first.changes.fresh[0].flags == imap::flag_seen);
    CHECK(session.append("Sent", std::string(990, 'x')).verdict.code == Code::over_quota);
    session.verdict(imap::AppendDiscard{});
    const auto quota = session.ask<imap::Quota>(imap::GetQuota{});
    CHECK(quota.used == 11);
    CHECK(quota.limit == 1000);
    imap::Copy copy;
    copy.uids = set(1, 1);
    copy.destination = "INBOX";
    const auto copied = session.ask<imap::Copied>(copy);
    CHECK(copied.from == std::vector<Uid>{1});
    CHECK(copied.to == std::vector<Uid>{1});
    copy.destination = "Nowhere";
    CHECK(session.ask<imap::Copied>(copy).verdict.code == Code::try_create);
    copy.destination = "INBOX";
    copy.move = true;
    const auto moved = session.ask<imap::Copied>(copy);
    CHECK(moved.to == std::vector<Uid>{2});
    CHECK(Session::flat(moved.changes) == "-1 ");
    CHECK(session.ask<imap::Quota>(imap::GetQuota{}).used == 22);
}

TEST_CASE("IMAP: a large message waits on the disk until it is complete") {
    Office office;
    Session session = office.session();
    REQUIRE(session.login("bob@example.com") == Code::none);
    const std::string piece(100'000, 'x');
    const auto appended = session.append("INBOX", piece, 7);
    REQUIRE(appended.verdict.ok);
    REQUIRE(session.select().messages.size() == 1);
    imap::GetStatus status;
    status.names = {"INBOX", "Nowhere"};
    status.size = true;
    const auto statuses = session.ask<imap::Statuses>(status).statuses;
    REQUIRE(statuses.size() == 2);
    CHECK(statuses[0].size == 700'000);
    CHECK(statuses[0].unseen == 0);
    CHECK(statuses[1].verdict.code == Code::nonexistent);
}

TEST_CASE("IMAP: a client that comes back hears what vanished meanwhile") {
    Office office;
    for (const char* file : {"cur/1.a:2,T", "cur/2.b:2,", "cur/3.c:2,T", "cur/4.d:2,"})
        office.deliver(file);
    Session session = office.session();
    REQUIRE(session.login() == Code::none);
    imap::Select select;
    select.name = "INBOX";
    select.condstore = true;
    const auto first = session.ask<imap::Selected>(select);
    session.ask<imap::Changed>(imap::Expunge{});
    select.resync.emplace();
    select.resync->uid_validity = first.uid_validity;
    select.resync->modseq = first.highest_modseq;
    CHECK(session.ask<imap::Selected>(select).vanished.text() == "1,3");
    select.resync->modseq = 1;  // long ago
    CHECK(session.ask<imap::Selected>(select).vanished.text() == "1,3");
    select.resync->known = set(2, 3);
    CHECK(session.ask<imap::Selected>(select).vanished.text() == "3");
    const auto vanished = session.ask<imap::Vanished>(imap::VanishedSince{1, set(1, 100)});
    CHECK(vanished.uids.text() == "1,3");
}

TEST_CASE("IMAP: annotations of the server and of a mailbox are apart, and limited") {
    Office office;
    Session session = office.session();
    REQUIRE(session.login() == Code::none);
    REQUIRE(session.verdict(imap::SetMetadata{"", {{"/private/comment", "server"}}}) == Code::none);
    const auto modseq = [&] {
        return session.ask<imap::Statuses>(imap::GetStatus{{"INBOX"}}).statuses.at(0).highest_modseq;
    };
    const auto before = modseq();
    REQUIRE(session.verdict(imap::SetMetadata{"INBOX", {{"/shared/comment", "box"}}}) == Code::none);
    CHECK(modseq() > before);
    CHECK(session.verdict(imap::SetMetadata{"Nowhere", {{"/shared/a", "b"}}}) == Code::nonexistent);
    CHECK(session.verdict(imap::SetMetadata{"", {{"/private/a", std::string(3 << 20, 'x')}}}) ==
          Code::metadata_maxsize);
    const auto server = session.ask<imap::Annotations>(imap::GetMetadata{""}).annotations;
    REQUIRE(server.size() == 1);
    CHECK(server[0].entry == "/private/comment");
    CHECK(server[0].value == "server");
    CHECK(session.ask<imap::Annotations>(imap::GetMetadata{"INBOX"}).annotations.size() == 1);
}

TEST_CASE("IMAP: a mailbox that is deleted under a session is gone, and IDLE is told what to watch") {
    Office office;
    Session one = office.session(), two = office.session();
    REQUIRE(one.login() == Code::none);
    REQUIRE(two.login() == Code::none);
    REQUIRE(one.verdict(imap::Create{"a", imap::SpecialUse::none}) == Code::none);
    CHECK(one.verdict(imap::Create{"a", imap::SpecialUse::none}) == Code::already_exists);
    REQUIRE(one.select("a").verdict.ok);
    one.verdict(imap::Watch{true});
    CHECK(one.watched ==
          std::vector<std::string>{office.maildir + "/.a/new", office.maildir + "/.a/cur"});
    REQUIRE(two.verdict(imap::Subscribe{"a", true}) == Code::none);
    REQUIRE(two.verdict(imap::Delete{"a"}) == Code::none);
    CHECK(one.refresh() == "gone ");
    one.verdict(imap::Watch{false});
    CHECK(one.watched.empty());
    const auto folders = two.ask<imap::Folders>(imap::ListFolders{}).folders;
    REQUIRE(folders.size() == 2);
    CHECK_FALSE(folders[1].exists);
    CHECK(folders[1].subscribed);
    CHECK(two.verdict(imap::Delete{"INBOX"}) == Code::cannot);
    CHECK(two.verdict(imap::Rename{"a", "b"}) == Code::nonexistent);
}
