#include <catch2/catch.hpp>

#include "imap/lexer.hpp"
#include "mail/modified_utf7.hpp"

using namespace mailhandler::mail;
using namespace mailhandler::imap;

TEST_CASE("Words are taken one after the other") {
    Lexer lexer("a1 LOGIN {3}\r\nx y \"q \\\"\\\\\" rest] 12 (");
    CHECK(lexer.tag() == "a1");
    CHECK_FALSE(lexer.tag());
    CHECK(lexer.space());
    CHECK_FALSE(lexer.word("LOG"));
    CHECK(lexer.word("login"));
    CHECK(lexer.space());
    CHECK(lexer.astring() == "x y");
    CHECK(lexer.space());
    CHECK(lexer.astring() == "q \"\\");
    CHECK(lexer.space());
    CHECK(lexer.astring() == "rest]");
    CHECK(lexer.space());
    CHECK(lexer.number() == 12u);
    CHECK(lexer.space());
    CHECK_FALSE(lexer.astring());
    CHECK(lexer.take('('));
    CHECK(lexer.at_end());
    CHECK_FALSE(lexer.take('\0'));
}

TEST_CASE("Strings that are none are not taken") {
    for (const char* text : {"\"open", "\"a\\b\"", "{5}\r\nabc", "{3}abc", "{-1}\r\n", "{}\r\n",
                             "(", "", "~", "{3\r\nabc", "\"a\rb\"", "%"}) {
        Lexer lexer(text);
        const bool tilde = std::string_view(text) == "~";
        CHECK(lexer.astring().has_value() == tilde);
        if (!tilde) CHECK(lexer.rest() == text);
    }
    Lexer nul(std::string_view("{1}\r\n\0", 6));
    CHECK_FALSE(nul.astring());
    Lexer binary(std::string_view("~{1}\r\n\0", 7));
    CHECK(binary.astring() == std::string(1, '\0'));
}

TEST_CASE("Numbers keep to their size") {
    CHECK(Lexer("9223372036854775807").number() == 9223372036854775807u);
    CHECK_FALSE(Lexer("9223372036854775808").number());
    CHECK_FALSE(Lexer("-1").number());
    CHECK_FALSE(Lexer("4294967296").number32());
    CHECK(Lexer("4294967295").number32() == 4294967295u);
    CHECK_FALSE(Lexer("0").nz_number());
}

TEST_CASE("Literals are announced at the end of a line") {
    const auto mark = [](std::string_view line) -> std::string {
        const auto found = literal_mark(line);
        if (!found) return "none";
        return std::to_string(found->size) + (found->synchronizing ? "" : "+") +
               (found->binary ? " binary" : "") + " at " + std::to_string(found->at);
    };
    CHECK(mark("a {12}") == "12 at 2");
    CHECK(mark("a {0+}") == "0+ at 2");
    CHECK(mark("a ~{7+}") == "7+ binary at 2");
    CHECK(mark("{4294967296}") == "4294967296 at 0");
    CHECK(mark("{99999999999999999999}") == "18446744073709551615 at 0");
    for (const char* line : {"a {}", "a {+}", "a 12}", "a {12", "a {1a}", "}", "", "{12} "})
        CHECK(mark(line) == "none");
}

TEST_CASE("Mailbox names in modified UTF-7") {
    const std::pair<const char*, const char*> names[] = {
        {"INBOX", "INBOX"},
        {"Entwürfe", "Entw&APw-rfe"},
        {"a&b", "a&-b"},
        {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
        {"😀x", "&2D3eAA-x"},
        {"\u00e9", "&AOk-"},
        {"", ""},
    };
    for (const auto& [utf8, utf7] : names) {
        CHECK(to_modified_utf7(utf8) == utf7);
        CHECK(from_modified_utf7(utf7) == utf8);
    }
}

TEST_CASE("What is no modified UTF-7 is refused") {
    for (const char* text : {"&", "a&", "&AOk", "&Jjo", "\xc3\xa9", "&AGE-", "&A-", "&AOl-",
                             "&2D0-", "&3gA-", "&AOk-&AOk-", "&A*k-", "a\tb", "&AAAAAA"})
        CHECK_FALSE(from_modified_utf7(text));
}

TEST_CASE("UTF-8 is well-formed or not") {
    for (const char* good : {"", "a", "é", "台", "😀", "\xf4\x8f\xbf\xbf"})
        CHECK(well_formed_utf8(good));
    for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                            "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "a\xff"})
        CHECK_FALSE(well_formed_utf8(bad));
}
