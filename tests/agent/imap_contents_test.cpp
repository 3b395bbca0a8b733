// What is told of messages as they lie in the maildir: sections, structure, decoded parts, and what
// SEARCH, SORT and THREAD find in them.
#include "agent/imap_contents.hpp"

#include <algorithm>

#include "../store/a_mailbox.hpp"

using namespace mailhandler;
using imap::Section;
using What = Section::What;

namespace {

struct Session {
    test::Post post;
    test::StoreProcess process{post.disk, post.clock};
    agent::ImapContents contents;
    store::MessageListPointer list;

    // One message in new/, its name as another program gives it.
    void put(const std::string& name, const std::string& text) { post.put("new/" + name, text); }

    imap::Fetched fetch(std::vector<imap::Uid> uids, imap::FetchItems items) {
        if (!list) list = process.inbox().refresh().value();
        return contents.fetch(process.inbox(), *list, {std::move(uids), std::move(items)});
    }
    imap::Content one(imap::Uid uid, imap::FetchItems items) {
        auto fetched = fetch({uid}, std::move(items));
        REQUIRE(fetched.contents.size() == 1);
        return std::move(fetched.contents[0]);
    }
    // The octets of one section, or "NIL".
    std::string section(imap::Uid uid, What what, std::vector<std::uint32_t> part = {},
                        std::vector<std::string> fields = {}) {
        imap::FetchItems items;
        items.sections = {{what, std::move(part), std::move(fields)}};
        const imap::Content content = one(uid, items);
        if (!content.verdict.ok || content.gone) return "NO";
        const imap::Octets& octets = content.sections.at(0);
        if (octets.nil) return "NIL";
        if (what == What::binary_size) return std::to_string(octets.length);
        if (!octets.body) return octets.octets;
        std::string text(octets.length, '\0');
        std::size_t at = 0;
        while (at < text.size()) {
            const auto got =
                octets.body->read_at(octets.offset + at, text.data() + at, text.size() - at);
            REQUIRE(got);
            REQUIRE(*got > 0);
            at += *got;
        }
        return text;
    }

    imap::Found search(imap::SearchKey key, std::string charset = "UTF-8") {
        list = process.inbox().refresh().value();
        imap::Search question;
        question.program = std::move(key);
        question.charset = std::move(charset);
        return contents.search(process.inbox(), *list, question);
    }
    std::vector<imap::Uid> found(imap::SearchKey key) { return search(std::move(key)).uids; }
};

using Uids = std::vector<imap::Uid>;
using Kind = imap::SearchKey::Kind;

imap::SearchKey header(std::string field, std::string text) {
    imap::SearchKey key;
    key.kind = Kind::header;
    key.field = std::move(field);
    key.text = std::move(text);
    return key;
}
imap::SearchKey text(Kind kind, std::string text) {
    imap::SearchKey key;
    key.kind = kind;
    key.text = std::move(text);
    return key;
}
imap::SearchKey of(Kind kind, std::vector<imap::SearchKey> keys) {
    imap::SearchKey key;
    key.kind = kind;
    key.keys = std::move(keys);
    return key;
}

const std::string mixed =
    "Subject: caf\xc3\xa9\nFrom: a@x\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
    "quoted-printable\n\n"
    "na=EFve soft=\nly\n"
    "--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nAAEC\n"
    "--b\nContent-Type: message/rfc822\n\nSubject: =?utf-8?q?inn=C3=A9r?=\n\ninside\n"
    "--b\nContent-Transfer-Encoding: x-odd\n\nx\n--b--\n";

}  // namespace

TEST_CASE("contents of an LF file are told as CRLF") {
    Session session;
    session.put("1.a", "From: a@x\nSubject: s\n\none\ntwo\n");
    imap::FetchItems items;
    items.envelope = items.body_structure = items.body = items.size = items.internal_date = true;
    const imap::Content content = session.one(1, items);
    CHECK(content.envelope.starts_with("(NIL \"s\" ((NIL NIL \"a\" \"x\"))"));
    CHECK(content.body == "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 10 2)");
    CHECK(content.body_structure ==
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 10 2 NIL NIL NIL NIL)");
    CHECK(content.size == 35);
    CHECK(content.internal_date > 1'795'411'000);
    CHECK(session.section(1, What::all) == "From: a@x\r\nSubject: s\r\n\r\none\r\ntwo\r\n");
    CHECK(session.section(1, What::header) == "From: a@x\r\nSubject: s\r\n\r\n");
    CHECK(session.section(1, What::text) == "one\r\ntwo\r\n");
    CHECK(session.section(1, What::all, {1}) == "one\r\ntwo\r\n");
    CHECK(session.section(1, What::header_fields, {}, {"subject"}) == "Subject: s\r\n\r\n");
    CHECK(session.section(1, What::all, {2}) == "NIL");
}

TEST_CASE("parts are decoded for BINARY, but not from an encoding nobody knows") {
    Session session;
    session.put("1.a", mixed);
    CHECK(session.section(1, What::binary, {1}) == "na\xefve softly");
    CHECK(session.section(1, What::binary, {2}) == std::string("\0\1\2", 3));
    CHECK(session.section(1, What::binary_size, {2}) == "3");
    CHECK(session.section(1, What::binary_size, {3}) == "41");
    CHECK(session.section(1, What::binary, {3, 1}) == "inside");
    CHECK(session.section(1, What::binary, {}) == session.section(1, What::all));
    CHECK(session.section(1, What::binary, {4}) == "NO");
    CHECK(session.section(1, What::binary, {5}) == "NIL");
}

TEST_CASE("what was found out once is not read again") {
    Session session;
    session.put("1.a", mixed);
    imap::FetchItems items;
    items.envelope = items.body_structure = items.size = true;
    const imap::Content first = session.one(1, items);
    session.post.drop("new/1.a");
    const imap::Content again = session.one(1, items);
    CHECK_FALSE(again.gone);
    CHECK(again.envelope == first.envelope);
    CHECK(again.body_structure == first.body_structure);
    CHECK(again.size == first.size);
    items.body = true;
    CHECK(session.one(1, items).gone);
    CHECK(session.one(7, items).gone);
}

TEST_CASE("an answer ends when enough has come together") {
    Session session;
    for (const char* const name : {"1.a", "2.b", "3.c"})
        session.put(name, "A: b\r\n\r\n" + std::string(150'000, 'x'));
    imap::FetchItems items;
    items.sections = {{What::all, {}, {}}};
    CHECK(session.fetch({1, 2, 3}, items).contents.size() == 2);
    items.sections = {{What::header, {}, {}}};
    CHECK(session.fetch({1, 2, 3}, items).contents.size() == 3);
}

TEST_CASE("a large message is told by ranges of it") {
    Session session;
    std::string lines;
    for (int i = 0; i < 100'000; ++i) lines += "0123456789\n";
    session.put("1.a", "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" + lines +
                           "--b\nContent-Transfer-Encoding: base64\n\n" + lines + "--b--\n");
    std::string wire;
    for (int i = 0; i < 100'000; ++i) wire += "0123456789\r\n";
    wire.resize(wire.size() - 2);
    CHECK(session.section(1, What::all, {1}) == wire);
    CHECK(session.section(1, What::all, {2}) == wire);
    CHECK(session.section(1, What::all).size() == 2'400'113);
    const std::string decoded = session.section(1, What::binary, {2});
    CHECK(decoded.size() == 750'000);
    CHECK(session.section(1, What::binary_size, {2}) == "750000");
    imap::FetchItems items;
    items.sections = {{What::all, {1}, {}}};
    const auto octets = session.one(1, items).sections.at(0);
    CHECK(octets.body);
    CHECK(octets.octets.empty());
}

TEST_CASE("messages are searched as people read them") {
    Session session;
    session.put("1.a", mixed);
    session.put("2.b",
                "Subject: =?iso-8859-1?q?CAF=C9?=\nX-Other: y\n"
                "Date: 1 Feb 2020 23:30:00 -0500\n\nplain body\n");
    CHECK(session.found(header("Subject", "Café")) == Uids{1, 2});
    CHECK(session.found(header("X-Other", "")) == Uids{2});
    CHECK(session.found(header("X-Other", "z")).empty());
    CHECK(session.found(text(Kind::body, "NAÏVE SOFTLY")) == Uids{1});
    CHECK(session.found(text(Kind::body, "innér")) == Uids{1});
    CHECK(session.found(text(Kind::body, "café")).empty());
    CHECK(session.found(text(Kind::text, "café")) == Uids{1, 2});
    CHECK(session.found(text(Kind::body, "AAEC")).empty());
    CHECK(session.found(of(Kind::not_of, {text(Kind::body, "plain")})) == Uids{1});
    CHECK(session.found(of(Kind::all_of, {})) == Uids{1, 2});
    CHECK(session.found(of(Kind::any_of,
                           {text(Kind::body, "plain"), text(Kind::body, "inside")})) == Uids{1, 2});
    imap::SearchKey sent;
    sent.kind = Kind::sent_date;
    sent.from_day = 18293;  // 2020-02-01, in its own zone
    sent.before_day = 18294;
    CHECK(session.found(sent) == Uids{2});
    imap::SearchKey small;
    small.kind = Kind::size;
    small.before = 200;
    CHECK(session.found(small) == Uids{2});
    CHECK(session.search(header("Subject", "Caf\xe9"), "ISO-8859-1").uids == Uids{1, 2});
    CHECK(session.search(header("Subject", "x"), "X-NONE").verdict.code == imap::Code::bad_charset);
}

TEST_CASE("where a header is folded, a search sees one space") {
    Session session;
    session.put("1.a",
                "Subject: a long\r\n\tsubject \t=?utf-8?q?in_?=\r\n\t=?utf-8?q?lines?=\r\n"
                "X-Other:\r\n one\r\n    two\tthree\r\n\r\nbody\r\n");
    session.put("2.b", "Subject: a long\n\n\tsubject\n");
    CHECK(session.found(header("Subject", "long subject")) == Uids{1});
    CHECK(session.found(header("Subject", "in lines")) == Uids{1});
    CHECK(session.found(header("Subject", "longsubject")).empty());
    CHECK(session.found(header("X-Other", "one two three")) == Uids{1});
    CHECK(session.found(text(Kind::text, "X-Other: one two")) == Uids{1});
    CHECK(session.found(text(Kind::text, "a long subject")) == Uids{1});
}

TEST_CASE("lines of a header that are no fields are searched as text") {
    Session session;
    session.put("1.a", "Subject: a\nno field here\nX: y\nlast words\n\nbody\n");
    session.put("2.b", "all body, no header\nMore of it\n");
    CHECK(session.found(text(Kind::text, "No Field")) == Uids{1});
    CHECK(session.found(text(Kind::text, "last WORDS")) == Uids{1});
    CHECK(session.found(text(Kind::text, "all body")) == Uids{2});
    CHECK(session.found(text(Kind::text, "more of")) == Uids{2});
    CHECK(session.found(text(Kind::text, "body")) == Uids{1, 2});
    CHECK(session.found(text(Kind::text, "y")) == Uids{1, 2});
}

TEST_CASE("messages are sorted and threaded by their headers") {
    Session session;
    session.put("1.a",
                "Subject: Re: b\nFrom: z@x\nDate: 3 Jan 2020 00:00:00 +0000\n"
                "Message-ID: <1@x>\nReferences: <3@x>\n\n");
    session.put("2.b",
                "Subject: a\nFrom: Y@x\nDate: 2 Jan 2020 00:00:00 +0000\nMessage-ID: <2@x>\n\n");
    session.put("3.c",
                "Subject: B\nFrom: x@x\nDate: 1 Jan 2020 00:00:00 +0000\nMessage-ID: <3@x>\n\n");
    session.list = session.process.inbox().refresh().value();
    const auto sorted = [&](std::vector<imap::SortKey> keys) {
        imap::Search question;
        question.sort = std::move(keys);
        return session.contents.search(session.process.inbox(), *session.list, question).uids;
    };
    using Sort = imap::SortKey::Kind;
    CHECK(sorted({{Sort::date}}) == Uids{3, 2, 1});
    CHECK(sorted({{Sort::date, true}}) == Uids{1, 2, 3});
    CHECK(sorted({{Sort::from}}) == Uids{3, 2, 1});
    CHECK(sorted({{Sort::subject}}) == Uids{2, 1, 3});
    CHECK(sorted({{Sort::subject}, {Sort::date}}) == Uids{2, 3, 1});
    CHECK(sorted({{Sort::to}}) == Uids{1, 2, 3});
    CHECK(sorted({{Sort::arrival}}) == Uids{1, 2, 3});
    CHECK(sorted({{Sort::size, true}}) == Uids{1, 2, 3});
    imap::Search question;
    question.threading = imap::Threading::references;
    const auto threads =
        session.contents.search(session.process.inbox(), *session.list, question).threads;
    CHECK(threads == std::vector<imap::ThreadLine>{{3, 0}, {1, 1}, {2, 0}});
}

namespace {

// A report in a list's wrapping: parts within parts, and a message that has parts of its own.
const std::string nested =
    "From: a@x\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=\"o "
    "u\"\r\n\r\npreamble\r\n"
    "--o u\r\nContent-Type: multipart/alternative; boundary=i\r\nX-Mark: one\r\n\r\n"
    "--i\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
    "--i\r\nContent-Type: text/html\r\nContent-Language: de\r\n\r\n<p>html\r\n--i--\r\n"
    "--o u\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: inner\r\nX-Mark: two\r\nContent-Type: multipart/mixed; boundary=n\r\n\r\n"
    "--n\r\n\r\nfirst\r\n--n\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\n"
    "iVBORw==\r\n--n--\r\n--o u--\r\nepilogue\r\n";

}  // namespace

TEST_CASE("parts within parts and within messages have the numbers of RFC 9051") {
    Session session;
    session.put("1.a", nested);
    CHECK(session.section(1, What::all, {1, 1}) == "plain");
    CHECK(session.section(1, What::all, {1, 2}) == "<p>html");
    CHECK(session.section(1, What::mime, {1, 2}) ==
          "Content-Type: text/html\r\nContent-Language: de\r\n\r\n");
    CHECK(session.section(1, What::mime, {1}) ==
          "Content-Type: multipart/alternative; boundary=i\r\nX-Mark: one\r\n\r\n");
    CHECK(session.section(1, What::all, {1}).starts_with("--i\r\n"));
    CHECK(session.section(1, What::header, {2}) ==
          "Subject: inner\r\nX-Mark: two\r\nContent-Type: multipart/mixed; boundary=n\r\n\r\n");
    CHECK(session.section(1, What::text, {2}).starts_with("--n\r\n\r\nfirst"));
    CHECK(session.section(1, What::all, {2}) ==
          session.section(1, What::header, {2}) + session.section(1, What::text, {2}));
    CHECK(session.section(1, What::mime, {2}) == "Content-Type: message/rfc822\r\n\r\n");
    CHECK(session.section(1, What::all, {2, 1}) == "first");
    CHECK(session.section(1, What::binary, {2, 2}) == "\x89PNG");
    CHECK(session.section(1, What::header_fields, {2}, {"x-mark", "None"}) ==
          "X-Mark: two\r\n\r\n");
    CHECK(session.section(1, What::header_fields_not, {2}, {"x-mark", "SUBJECT"}) ==
          "Content-Type: multipart/mixed; boundary=n\r\n\r\n");
    CHECK(session.section(1, What::header_fields, {}, {"x-mark"}) == "\r\n");
    for (const auto& part : std::vector<std::vector<std::uint32_t>>{
             {3}, {1, 3}, {1, 1, 2}, {2, 3}, {2, 2, 2}, {4'000'000'000}})
        CHECK(session.section(1, What::all, part) == "NIL");
    // HEADER and TEXT belong to messages alone.
    CHECK(session.section(1, What::header, {1}) == "NIL");
    CHECK(session.section(1, What::text, {1, 1}) == "NIL");
}

TEST_CASE("a message of bare LF has the sections of the same message in CRLF") {
    std::string bare = nested;
    bare.erase(std::remove(bare.begin(), bare.end(), '\r'), bare.end());
    Session session;
    session.put("1.crlf", nested);
    session.put("2.lf", bare);
    session.put("3.both", nested.substr(0, 100) + bare.substr(bare.find("preamble")));
    const auto same = [&](What what, std::vector<std::uint32_t> part) {
        CHECK(session.section(1, what, part) == session.section(2, what, part));
    };
    same(What::all, {});
    same(What::header, {});
    same(What::text, {});
    same(What::all, {1, 2});
    same(What::mime, {1, 2});
    same(What::header, {2});
    same(What::binary, {2, 2});
    same(What::binary_size, {2, 1});
    imap::FetchItems items;
    items.envelope = items.body_structure = items.size = true;
    const auto one = session.one(1, items), two = session.one(2, items);
    CHECK(one.envelope == two.envelope);
    CHECK(one.body_structure == two.body_structure);
    CHECK(one.size == two.size);
    // Where both stand in one file each LF alone becomes CRLF, and nothing else changes.
    const std::string mended = session.section(3, What::all);
    for (std::size_t at = mended.find('\n'); at != mended.npos; at = mended.find('\n', at + 1)) {
        REQUIRE(at > 0);
        CHECK(mended[at - 1] == '\r');
    }
    CHECK(mended.find("\r\r") == mended.npos);
}

TEST_CASE("messages that vanish while they are fetched are gone, the others are told") {
    Session session;
    for (int i = 1; i <= 6; ++i)
        session.put(std::to_string(i) + ".m", "Subject: " + std::to_string(i) + "\r\n\r\nx\r\n");
    session.list = session.process.inbox().refresh().value();
    session.post.drop("new/2.m");
    session.post.move("new/4.m", "cur/4.m:2,S");
    REQUIRE(session.process.inbox().expunge(std::vector<store::Uid>{6}));
    imap::FetchItems items;
    items.size = true;
    items.sections = {{What::header_fields, {}, {"subject"}}};
    const auto fetched = session.fetch({1, 2, 3, 4, 5, 6, 7}, items);
    REQUIRE(fetched.contents.size() == 7);
    for (const auto& each : fetched.contents) {
        INFO(each.uid);
        const bool gone = each.uid == 2 || each.uid >= 6;
        CHECK(each.gone == gone);
        CHECK(each.verdict.ok);
        if (gone) continue;
        CHECK(each.sections.at(0).octets == "Subject: " + std::to_string(each.uid) + "\r\n\r\n");
    }
}

TEST_CASE("a message that shrinks under a client that reads it ends the range, not the server") {
    Session session;
    const std::string lines(700'000, 'x');
    session.put("1.a", "Subject: s\r\n\r\n" + lines);
    imap::FetchItems items;
    items.sections = {{What::text, {}, {}}};
    const auto octets = session.one(1, items).sections.at(0);
    REQUIRE(octets.body);
    CHECK(octets.length == lines.size());
    auto file = session.post.disk.append("/mail/new/1.a", 0600);
    REQUIRE(file);
    REQUIRE((*file)->truncate(1000));
    char one = 0;
    const auto got = octets.body->read_at(octets.offset + 600'000, &one, 1);
    CHECK((!got || *got == 0));
}

TEST_CASE("charsets of a search, of headers and of bodies meet in one") {
    Session session;
    session.put("1.latin",
                "Subject: x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdf"
                "e\r\n");
    session.put("2.utf8",
                "Subject: Gr\xc3\xbc\xc3\x9f"
                "e\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n");
    session.put("3.b64",
                "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nContent-Type: text/html; charset=utf-8\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\nPGI+R3LDvMOfZTwvYj4=\r\n");
    session.put("4.koi8",
                "Content-Type: text/plain; charset=koi8-r\r\n\r\n\xf0\xd2\xc9\xd7\xc5\xd4\r\n");
    session.put("5.unknown", "Content-Type: text/plain; charset=x-nobody\r\n\r\nplain words\r\n");
    const std::string utf8 =
                          "gr\xc3\xbc\xc3\x9f"
                          "e",
                      latin =
                          "GR\xdc\xdf"
                          "E";
    CHECK(session.found(text(Kind::body, utf8)) == Uids{1, 3});
    CHECK(session.found(text(Kind::text, utf8)) == Uids{1, 2, 3});
    CHECK(session.found(header("Subject", utf8)) == Uids{2, 3});
    CHECK(session.search(text(Kind::text, latin), "ISO-8859-1").uids == Uids{1, 2, 3});
    CHECK(session.search(text(Kind::body, "\xd0\xd2\xc9\xd7"), "KOI8-R").uids == Uids{4});
    CHECK(session.found(text(Kind::body, "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2")) == Uids{4});
    CHECK(session.found(text(Kind::body, "plain words")) == Uids{5});
    CHECK(session.search(text(Kind::text, "PLAIN words"), "US-ASCII").uids == Uids{5});
    CHECK(session.search(text(Kind::text, "x"), "NO-SUCH-CHARSET").verdict.code ==
          imap::Code::bad_charset);
    // Octets that are none of the charset find nothing, and do no harm.
    CHECK(session.search(text(Kind::text, "\xff\xfe\x80"), "UTF-8").uids.empty());
}
