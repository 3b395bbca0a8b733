// What becomes of each recipient of a collected message, what is believed about it, and who is
// never told of a bounce.
#include <catch2/catch.hpp>

#include "collected_mail.hpp"

using namespace office;

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

TEST_CASE("what is dropped is counted, and the message is done without a copy") {
    Office office;
    office.settings = office::fetch("unknown = \"drop\"\n");
    const auto sorted = office.sort(to("zzz@example.com, yyy@example.com"));
    CHECK(sorted.dropped == 2);
    CHECK(sorted.copies.empty());
    CHECK(sorted.stays.empty());
    CHECK_FALSE(sorted.judged.placed());
}
