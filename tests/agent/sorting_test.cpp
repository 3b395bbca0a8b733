// What becomes of each recipient of a collected message, and what each person's copy says.
#include "agent/sorting.hpp"

#include <catch2/catch.hpp>

#include "agent/header_survey.hpp"
#include "mail/stamp.hpp"
#include "office.hpp"

using namespace mailhandler;
using namespace mailhandler::agent;
using office::Office;

namespace {

const std::string genuine =
    "Return-Path: <sam@sender.example>\r\n"
    "Authentication-Results: host.example; spf=pass smtp.mailfrom=sam@sender.example\r\n";
const std::string received =
    "Received: from mx.sender.example by mail.host.example with ESMTP; Mon, 23 Nov 2026\r\n";
const std::string rest =
    "From: sam@sender.example\r\nTo: everybody\r\nMessage-ID: <1@sender.example>\r\n"
    "Subject: hello\r\n\r\nbody\r\n";

std::string to(const std::string& addresses) {
    return genuine + "X-Rcpt-To: " + addresses + "\r\n" + received + rest;
}

// "anne@example.com | bounced", as dry-run prints it.
std::string fates(const Judged& judged) {
    std::string text;
    for (const Fate& fate : judged.fates) text += (text.empty() ? "" : " | ") + fate_text(fate);
    return text;
}

std::string fates(const std::string& message, const std::string& settings = {}) {
    return fates(judge(office::fetch(settings), office::directory(), office::today, message));
}

const SetAside& aside(const Fate& fate) { return std::get<SetAside>(fate.ends.at(0)); }

bool names(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("every recipient has its fate, whatever becomes of the others") {
    struct Row {
        std::string addresses, expected, settings;
    };
    const std::vector<Row> table = {
        {"anne@example.com", "anne@example.com", ""},
        {"Anne+news@EXAMPLE.com", "anne@example.com", ""},
        {"anne@example.com, bob@example.com", "anne@example.com | bob@example.com", ""},
        {"anne@example.com, ANNE@example.com", "anne@example.com", ""},
        {"zzz@example.com", "bounced", ""},
        {"zzz@example.com", "bounced", "unknown = \"bounce-all\"\n"},
        {"zzz@example.com", "held: unknown", "unknown = \"hold\"\n"},
        {"zzz@example.com", "boss@example.com", "unknown = \"postmaster\"\n"},
        {"zzz@example.com", "dropped", "unknown = \"drop\"\n"},
        {"john@example.com", "bounced", "unknown = \"drop\"\n"},
        {"john@example.com", "bounced", "unknown = \"postmaster\"\n"},
        {"carol@example.com", "held: elsewhere", "unknown = \"drop\"\n"},
        {"anne@far.example", "held: foreign-domain", "unknown = \"drop\"\n"},
        {"anne@[192.0.2.1]", "held: foreign-domain", ""},
        {"zzz@example.net", "@default of example.net", ""},
        {"info@example.com", "anne@example.com, forwarded to friend@far.example", ""},
        {"postmaster@example.com", "boss@example.com", ""},
        {"\"|/home/x\" (uid 0)", "held: unusable-header", ""},
        {"anne@example.com, rubbish", "anne@example.com | held: unusable-header", ""},
        {"rubbish, zzz@example.com, bob@example.com",
         "bounced | bob@example.com | held: unusable-header", ""},
        {"example.com", "held: missing-header", ""},
        {"example.com", "boss@example.com", "missing = \"postmaster\"\n"},
        {"example.com-bob@example.com", "bob@example.com", "prefix = \"example.com-\"\n"},
        {"x@broken.example", "stays on the server: 451 4.3.5 ", ""},
        {"anne@example.com", "anne@example.com", "deliver = \"lmtp://127.0.0.1:24\"\n"},
    };
    for (const Row& row : table) {
        CAPTURE(row.addresses, row.settings);
        const std::string found = fates(to(row.addresses), row.settings);
        if (row.expected.ends_with(' '))
            CHECK(found.starts_with(row.expected));
        else
            CHECK(found == row.expected);
    }
}

TEST_CASE("a message without an envelope header is held, never guessed from To") {
    const std::string to_anne = "To: anne@example.com\r\nCc: bob@example.com\r\n\r\nhello\r\n";
    CHECK(fates(genuine + received + to_anne) == "held: missing-header");
    CHECK(fates(to_anne) == "held: missing-header");
    CHECK(fates("no header at all\r\n") == "held: missing-header");
    CHECK(fates("") == "held: missing-header");
    CHECK(fates(received + to_anne, "missing = \"postmaster\"\n") == "boss@example.com");
}

TEST_CASE("an envelope header below the trusted block is not believed") {
    const std::string forged = "X-Rcpt-To: bob@example.com\r\n";
    const auto judged = judge(office::fetch(), office::directory(), office::today,
                              genuine + received + forged + rest);
    CHECK(fates(judged) == "held: missing-header");
    CHECK(names(aside(judged.fates[0]).text, "X-Rcpt-To stands only below it"));
    CHECK(fates(genuine + "X-Rcpt-To: anne@example.com\r\n" + received + forged + rest) ==
          "anne@example.com");
    CHECK(fates(genuine + "X-Rcpt-To: anne@example.com\r\n" + received + rest + forged) ==
          "anne@example.com");
    CHECK(fates(genuine + received + rest + forged) == "held: missing-header");
    // … nor one below a Received that was told to be trusted, when the next one is not.
    const std::string relay = "Received: from a by relay.host.example; date\r\n";
    const std::string trust = "trust = [\"mail.host.example\"]\n";
    CHECK(fates(received + forged + relay + rest, trust) == "bob@example.com");
    CHECK(fates(received + relay + forged + rest, trust) == "held: missing-header");
}

TEST_CASE("what never bounces says why, and keeps what would have been said") {
    const auto reason_of = [](const std::string& head, const std::string& settings = {}) {
        const auto judged = judge(office::fetch(settings), office::directory(), office::today,
                                  head + "X-Rcpt-To: john@example.com\r\n" + received + rest);
        const End& end = judged.fates.at(0).ends.at(0);
        if (const auto* told = std::get_if<Bounced>(&end)) {
            CHECK(told->text == "550 5.1.1 John has left");
            return "bounced: " + judged.never_bounce;
        }
        const SetAside& found = aside(judged.fates.at(0));
        CHECK(names(found.text, "550 5.1.1 John has left"));
        return std::string(name(found.reason)) + ": " + judged.never_bounce;
    };
    const std::string auth = "Authentication-Results: host.example; ";
    const std::string sam = "Return-Path: <sam@sender.example>\r\n";
    CHECK(reason_of(genuine) == "bounced: ");
    CHECK(reason_of("Return-Path: <>\r\n") == "never-bounce: its sender is the null one");
    CHECK(reason_of("") == "never-bounce: it has no Return-Path that can be trusted");
    CHECK(reason_of("Return-Path: <rubbish>\r\n") == "never-bounce: its Return-Path is no address");
    CHECK(reason_of(sam) == "never-bounce: its sender is not authenticated");
    CHECK(reason_of(sam, "unknown = \"bounce-all\"\n") == "bounced: ");
    CHECK(reason_of("Return-Path: <>\r\n", "unknown = \"bounce-all\"\n") ==
          "never-bounce: its sender is the null one");
    CHECK(reason_of(genuine + "List-Id: <l.example>\r\n") ==
          "never-bounce: it is a list's, by its List-Id");
    CHECK(reason_of(genuine + "Auto-Submitted: auto-replied (vacation)\r\n") ==
          "never-bounce: it is Auto-Submitted: auto-replied");
    CHECK(reason_of(genuine + "Auto-Submitted: no\r\n") == "bounced: ");
    CHECK(reason_of(genuine + "Precedence: Bulk\r\n") == "never-bounce: its Precedence is bulk");
    CHECK(reason_of("Return-Path: <l-bounces@x.example>\r\n" + auth +
                    "spf=pass smtp.mailfrom=x.example\r\n") ==
          "never-bounce: its sender is an automaton");

    const std::string no = "never-bounce: its sender is not authenticated";
    const std::vector<std::pair<std::string, bool>> table = {
        {"spf=pass smtp.mailfrom=sender.example", true},
        {"SPF=Pass (comment; smtp.mailfrom=x) smtp.mailfrom=\"sam@Sender.Example\"", true},
        {"spf=fail smtp.mailfrom=sender.example", false},
        {"spf=pass smtp.mailfrom=other.example", false},
        {"spf=pass smtp.helo=sender.example", false},
        {"spf=pass (smtp.mailfrom=sender.example)", false},
        {"dkim=pass header.d=sender.example", true},
        {"dkim=pass reason=\"a; dkim=pass\" header.i=@sender.example", true},
        {"dkim=pass header.d=example", false},
        {"dkim=pass header.d=mail.sender.example", false},
        {"dkim=pass header.d=xsender.example", false},
        {"dkim=none", false},
        {"dmarc=pass header.from=sender.example", false},
        {"none", false},
    };
    for (const auto& [results, enough] : table) {
        CAPTURE(results);
        CHECK(reason_of(sam + auth + results + "\r\n") == (enough ? "bounced: " : no));
    }
    // The first part names the host that judged; it is no result.
    CHECK(reason_of(sam + "Authentication-Results: spf=pass smtp.mailfrom=sender.example\r\n") ==
          no);
    const auto below = judge(office::fetch(), office::directory(), office::today,
                             sam + "X-Rcpt-To: john@example.com\r\n" + received + auth +
                                 "spf=pass smtp.mailfrom=sender.example\r\n" + rest);
    CHECK(below.never_bounce == "its sender is not authenticated");
}

namespace {

// The addresses among `all` that the believed part of a copy speaks of, to whoever reads it.
std::vector<std::string> spoken_of(const std::string& copy, const std::vector<std::string>& all) {
    const std::string head = copy.substr(0, mail::read_trusted_block(copy, {}).size);
    std::vector<std::string> found;
    for (const std::string& each : all)
        if (names(head, each)) found.push_back(each);
    return found;
}

const std::vector<std::string> colleagues = {"anne@example.com", "bob@example.com"};

void check_bcc(const std::vector<std::string>& annes, const std::vector<std::string>& bobs) {
    REQUIRE(annes.size() == 1);
    REQUIRE(bobs.size() == 1);
    CHECK(spoken_of(annes[0], colleagues) == std::vector<std::string>{"anne@example.com"});
    CHECK(spoken_of(bobs[0], colleagues) == std::vector<std::string>{"bob@example.com"});
    CHECK(annes[0] ==
          mail::envelope_lines("anne@example.com", "anne@example.com") + genuine + received + rest);
    CHECK(bobs[0] ==
          mail::envelope_lines("bob@example.com", "bob@example.com") + genuine + received + rest);
}

}  // namespace

TEST_CASE("a sorting that keeps the others' addresses would be seen") {
    const std::string lines = mail::envelope_lines("anne@example.com", "anne@example.com");
    for (const char* kept : {"X-Rcpt-To: anne@example.com, bob@example.com\r\n",
                             "Envelope-To: anne@example.com,\r\n bob@example.com\r\n",
                             "Delivered-To: bob@example.com\r\n"})
        CHECK(spoken_of(lines + kept + genuine + received + rest, colleagues) == colleagues);
}

TEST_CASE("a Bcc to two colleagues becomes two copies, each with its own address only") {
    const std::vector<std::string> heads = {
        "X-Rcpt-To: anne@example.com, bob@example.com\r\n",
        "X-Rcpt-To: anne@example.com,\r\n\tbob@example.com\r\n",
        "X-Rcpt-To: <anne@example.com>\r\nX-Rcpt-To: <bob@example.com>\r\n",
        "x-rcpt-TO : anne@example.com\r\nX-POP3-Rcpt: anne@example.com\r\n"
        "X-Rcpt-To: bob@example.com\r\nX-POP3-Rcpt: bob@example.com\r\n",
        "Envelope-To: anne@example.com, bob@example.com\r\nDelivered-To: example.com\r\n",
        "X-Rcpt-To: anne@example.com, bob@example.com\r\nX-Original-To: bob@example.com\r\n"
        "Envelope-To: anne@example.com, bob@example.com\r\nDelivered-To: bob@example.com\r\n",
    };
    for (const std::string& head : heads) {
        CAPTURE(head);
        Office office;
        auto found = office.collect(head + genuine + received + rest);
        CHECK(found.size() == 2);
        check_bcc(found["/mail/example.com/anne/new"], found["/mail/example.com/bob/new"]);
        Office other;  // the header between and behind the host's other lines
        found = other.collect(genuine + head + received + rest);
        check_bcc(found["/mail/example.com/anne/new"], found["/mail/example.com/bob/new"]);
    }
}

TEST_CASE("headers of the same names below the trusted block stay in each copy") {
    Office office;
    const std::string below = "X-Rcpt-To: list@other.example\r\nDelivered-To: x@other.example\r\n";
    auto found =
        office.collect(genuine + "X-Rcpt-To: anne@example.com\r\n" + received + below + rest);
    CHECK(found["/mail/example.com/anne/new"].at(0) ==
          mail::envelope_lines("anne@example.com", "anne@example.com") + genuine + received +
              below + rest);
}

TEST_CASE("copies are octet for octet what was sent but for the envelope") {
    Office office;
    std::string message =
        "X-Rcpt-To: anne@example.com\nReceived: by host.example; date\n"
        "Subject: bare line feeds\n\nbody\n.\n";
    message += std::string("NUL \0 and \xff", 11);
    auto found = office.collect(message);
    CHECK(found["/mail/example.com/anne/new"].at(0) ==
          mail::envelope_lines("anne@example.com", "anne@example.com") +
              message.substr(message.find("Received")));
}

TEST_CASE("the body may be in memory or in a file") {
    Office office;
    CHECK(disk::make_directories(office.disk, "/spill").has_value());
    auto spilled = office.disk.create("/spill/1", 0600).value();
    CHECK(spilled->write("spilled").has_value());
    const std::string head = to("anne@example.com, zzz@example.com");
    auto sorted = Sorter(office.world).sort({head, "in memory, ", spilled.get()}).value();
    REQUIRE(sorted.copies.size() == 2);
    auto ledger = store::Ledger::open(office.disk, office.layout, {"m", "l"}).value();
    REQUIRE(ledger.deliver({{{"", 0, "1"}, 1, "h", std::move(sorted.copies)}}).has_value());
    std::string all;
    for (const auto& [path, content] : office.disk.files())
        if (path.starts_with("/root/mail") || path.starts_with("/root/held")) {
            CHECK(content.ends_with("body\r\nin memory, spilled"));
            CHECK(names(path, ",S=" + std::to_string(content.size())));
            all += path;
        }
    CHECK(names(all, "/mail/example.com/anne/new/"));
    CHECK(names(all, "/held/"));
}

TEST_CASE("what is held is the message as it came, behind a line that says why") {
    Office office;
    const std::string message = to("john@example.com, info@example.com, rubbish, a@far.example");
    auto found = office.collect(message);
    REQUIRE(found["/held"].size() == 4);
    std::map<std::string, store::HeldNote> notes;
    for (const std::string& held : found["/held"]) {
        const auto end = held.find('\n') + 1;
        CHECK(held.substr(end) == message);
        const auto note = store::held_note(held.substr(0, end));
        REQUIRE(note);
        CHECK(note->fetch == "office");
        CHECK(note->sender == "sam@sender.example");
        CHECK(note->size == message.size());
        CHECK(note->message_id == "<1@sender.example>");
        CHECK(note->when == office.clock.wall());
        notes[note->reason] = *note;
    }
    CHECK(notes["would-bounce"].recipient == "john@example.com");
    CHECK(notes["would-bounce"].header == "X-Rcpt-To");
    CHECK(notes["would-bounce"].text == "550 5.1.1 John has left");
    CHECK(notes["would-bounce"].others.empty());
    CHECK(notes["would-forward"].recipient == "info@example.com");
    CHECK(notes["would-forward"].to == "friend@far.example");
    CHECK(notes["foreign-domain"].recipient == "a@far.example");
    CHECK(notes["unusable-header"].recipient.empty());
    CHECK(notes["unusable-header"].others ==
          std::vector<std::string>{"john@example.com", "info@example.com", "a@far.example"});
}

TEST_CASE("where one has to wait, the message stays on the server as a whole") {
    Office office;
    const std::string two = to("anne@example.com, bob@example.com");
    std::map<std::string, std::uint64_t> asked;
    office.world.mailbox_takes = [&](const route::ToMailbox& box, std::uint64_t octets) {
        asked[box.mailbox.text()] += octets;
        return Result<bool>(box.mailbox.local() != "bob");
    };
    auto sorted = office.sort(two);
    CHECK(sorted.stays == "the mailbox bob@example.com is full");
    CHECK(sorted.copies.empty());
    CHECK(asked["anne@example.com"] ==
          (mail::envelope_lines("anne@example.com", "anne@example.com") + genuine + received + rest)
              .size());
    CHECK(office.sort(to("anne@example.com")).copies.size() == 1);

    office.world.mailbox_takes = {};
    std::uint64_t held = 0;
    office.world.held_takes = [&](std::uint64_t octets) {
        held = octets;
        return Result<bool>(false);
    };
    CHECK(office.sort(two).copies.size() == 2);
    CHECK(held == 0);
    sorted = office.sort(to("anne@example.com, john@example.com"));
    CHECK(sorted.stays == "the held area is full");
    CHECK(sorted.copies.empty());
    CHECK(held > two.size());
    CHECK(office.sort(to("anne@example.com, x@broken.example"))
              .stays.starts_with("x@broken.example: 451"));
    office.world.held_takes = [](std::uint64_t) { return Result<bool>(fail("disk", "is ill")); };
    CHECK_FALSE(Sorter(office.world).sort({to("john@example.com"), {}, nullptr}).has_value());
}

TEST_CASE("copies = one makes one file that names all its recipients") {
    Office office;
    auto found = office.collect(to("a@one.example, anne@example.com, b@one.example"));
    REQUIRE(found["/mail/one.example/@default/new"].size() == 1);
    CHECK(
        found["/mail/one.example/@default/new"][0] ==
        "X-Rcpt-To: a@one.example, b@one.example\r\nX-POP3-Rcpt: a@one.example, b@one.example\r\n" +
            genuine + received + rest);
    CHECK(found["/mail/example.com/anne/new"].size() == 1);
}

TEST_CASE("what is dropped is counted, and the message is done without a copy") {
    Office office;
    office.settings = office::fetch("unknown = \"drop\"\n");
    const auto sorted = office.sort(to("zzz@example.com, yyy@example.com"));
    CHECK(sorted.dropped == 2);
    CHECK(sorted.copies.empty());
    CHECK(sorted.stays.empty());
    CHECK_FALSE(sorted.judged.placed());
}

TEST_CASE("the postmaster's copy names the address it was sent to") {
    Office office;
    office.settings = office::fetch("unknown = \"postmaster\"\nmissing = \"postmaster\"\n");
    auto found = office.collect(to("zzz@example.com"));
    CHECK(found["/mail/example.com/boss/new"].at(0).starts_with(
        mail::envelope_lines("zzz@example.com", "boss@example.com")));
    Office second;
    second.settings = office.settings;
    found = second.collect("all body, no header\r\nat all\r\n");
    CHECK(found["/mail/example.com/boss/new"].at(0) ==
          mail::envelope_lines("boss@example.com", "boss@example.com") +
              "\r\nall body, no header\r\nat all\r\n");
    Office third;  // it would fold into our Delivered-To
    third.settings = office.settings;
    found = third.collect("\tbob@example.com\r\nSubject: hello\r\n\r\nbody\r\n");
    CHECK(found["/mail/example.com/boss/new"].at(0) ==
          mail::envelope_lines("boss@example.com", "boss@example.com") +
              "\r\n\tbob@example.com\r\nSubject: hello\r\n\r\nbody\r\n");
}

TEST_CASE("a header without an end is poison, and set aside") {
    Office office;
    const std::string head = "X-Rcpt-To: anne@example.com\r\n" + std::string(1000, 'x');
    auto sorted = Sorter(office.world).sort({head, "and so on", nullptr}).value();
    REQUIRE(sorted.copies.size() == 1);
    CHECK(fates(sorted.judged) == "held: poison");
    CHECK(sorted.copies[0].content.shared.at(0) == head);
    CHECK_FALSE(aside(sorted.judged.fates[0]).id.empty());
    CHECK(fates(Sorter(office.world).sort({head, {}, nullptr}).value().judged) ==
          "anne@example.com");
}

TEST_CASE("a survey tells which header would place how many") {
    const auto settings = office::fetch();
    const auto domains = office::directory();
    HeaderSurvey survey(settings, domains, office::today);
    const auto add = [&](const std::string& head) {
        survey.add(judge(settings, domains, office::today, head + received + rest));
    };
    add("X-POP3-Rcpt: example.com\r\nDelivered-To: anne@example.com\r\n");
    add("X-POP3-Rcpt: example.com\r\nDelivered-To: zzz@example.com\r\n");
    add("X-POP3-Rcpt: example.com\r\nDelivered-To: anne@example.com\r\n");
    add("");
    CHECK(survey.messages() == 4);
    CHECK(survey.placed() == 2);
    CHECK(survey.without_header() == 1);
    const auto& useless = survey.headers().at(1);
    CHECK(useless.name == "X-POP3-Rcpt");
    CHECK(useless.messages == 3);
    CHECK(useless.decided == 0);
    CHECK(useless.placed == 0);
    CHECK(useless.values.at("example.com").messages == 3);
    const auto& good = survey.headers().at(5);
    CHECK(good.decided == 3);
    CHECK(good.placed == 2);
    CHECK(good.values.at("anne@example.com").fate == "anne@example.com");
    CHECK(good.values.at("zzz@example.com").fate == "bounced");
    CHECK(survey.words() ==
          std::vector<std::string>{
              "X-POP3-Rcpt: in 3 of 4 messages; 1 distinct values; 0 would be placed by it: "
              "example.com (the login, skipped)",
              "Delivered-To: in 3 of 4 messages; 2 distinct values; 2 would be placed by it: "
              "anne@example.com (anne@example.com), zzz@example.com (bounced)",
              "no envelope header that decides in 1 of 4 messages"});
    for (int i = 0; i < 2000; ++i) add("X-Rcpt-To: u" + std::to_string(i) + "@example.net\r\n");
    CHECK(survey.headers().at(0).values.size() == HeaderSurvey::most_values);
    CHECK(survey.headers().at(0).more == 1000);
    CHECK(survey.headers().at(0).placed == 2000);
}
