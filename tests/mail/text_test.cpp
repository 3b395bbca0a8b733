// How text is read for searching and sorting: charsets, encoded words, case, subjects, dates.
#include <catch2/catch.hpp>

#include "mail/caseless.hpp"
#include "mail/charset.hpp"
#include "mail/encoded_word.hpp"
#include "mail/sent_date.hpp"
#include "mail/subject.hpp"

using namespace mailhandler::mail;

namespace {

std::string in_pieces(std::string_view octets, std::string_view charset) {
    std::string text;
    CharsetDecoder decoder(charset);
    for (const char& c : octets) decoder.feed({&c, 1}, text);
    decoder.finish(text);
    return text;
}

std::string read(std::string_view octets, std::string_view charset) {
    const std::string whole = to_utf8(octets, charset);
    CHECK(in_pieces(octets, charset) == whole);
    return whole;
}

bool contains(std::string_view text, std::string_view needle) {
    const std::string folded = caseless(needle);
    CaselessFinder whole(folded), pieces(folded);
    whole.feed(text);
    for (std::size_t at = 0; at < text.size();) {
        std::size_t size = 1;
        while (at + size < text.size() && (text[at + size] & 0xC0) == 0x80) ++size;
        pieces.feed(text.substr(at, size));
        at += size;
    }
    CHECK(whole.found() == pieces.found());
    return whole.found();
}

std::string base(std::string_view value) {
    const BaseSubject subject = base_subject(value);
    return (subject.reply ? "re " : "") + subject.text;
}

}  // namespace

TEST_CASE("text of many charsets becomes UTF-8") {
    CHECK(read("caf\xe9", "ISO-8859-1") == "café");
    CHECK(read("\x93q\x94 \x80", "windows-1252") == "“q” €");
    CHECK(read("\xcf\xf0\xe8\xe2\xe5\xf2", "windows-1251") == "Привет");
    CHECK(read("\xf0\xd2\xc9\xd7\xc5\xd4", "koi8-r") == "Привет");
    CHECK(read("\x1b$B$3$s\x1b(B", "iso-2022-jp") == "こん");
    CHECK(read("\x82\xb1\x82\xf1", "Shift_JIS") == "こん");
    CHECK(read("\xa4\xb3\xa4\xf3", "euc-jp") == "こん");
    CHECK(read("\xc4\xe3\xba\xc3", "gb2312") == "你好");
    CHECK(read("\xa7\x41\xa6\x6e", "big5") == "你好");
    CHECK(read("\xbe\xc8\xb3\xe7", "ks_c_5601-1987") == "안녕");
    CHECK(read("Hi +ZeVnLIqe-", "utf-7") == "Hi 日本語");
    CHECK(read("žluť", "utf8") == "žluť");
    CHECK(is_charset("UTF-8"));
    CHECK(is_charset("iso-8859-15"));
    CHECK_FALSE(is_charset("x-nobody-knows"));
    CHECK_FALSE(is_charset(""));
    CHECK_FALSE(is_charset("UTF-16//TRANSLIT"));
}

TEST_CASE("text that is not in the charset it claims is guessed, and never malformed") {
    CHECK(read("caf\xe9", "us-ascii") == "café");
    CHECK(read("caf\xe9", "") == "café");
    CHECK(read("caf\xc3\xa9", "us-ascii") == "café");
    CHECK(read("caf\xc3\xa9 \xe9", "x-nobody-knows") == "café é");
    CHECK(read("a\xe2\x82", "utf-8") == "aâ‚");
    CHECK(read("a\xff\xfe", "euc-jp") == "a\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK(read("a\xa4", "euc-jp") == "a\xEF\xBF\xBD");
}

TEST_CASE("encoded words are decoded") {
    CHECK(decode_words("plain") == "plain");
    CHECK(decode_words("=?utf-8?q?caf=C3=A9_au=20lait?= x") == "café au lait x");
    CHECK(decode_words("=?ISO-8859-1*fr?Q?caf=E9?=") == "café");
    CHECK(decode_words("=?utf-8?B?w6k=?= =?utf-8?B?w6k=?=\t=?utf-8?Q?_?=x") == "éé x");
    CHECK(decode_words("a =?utf-8?q?b?= c =?utf-8?q?d?=") == "a b c d");
    // one character in two words
    CHECK(decode_words("=?utf-8?b?4oI=?= =?utf-8?b?rA==?=") == "€");
    CHECK(decode_words("=?iso-2022-jp?B?GyRCJDMbKEI=?=") == "こ");
    for (const char* const broken : {"=?utf-8?q?never", "=?utf-8?x?a?=", "=?", "=?a", "=?a?q", "=? ?="})
        CHECK(decode_words(broken) == broken);
    CHECK(decode_words("caf\xe9 =?utf-8?q?=C3=A9?=") == "café é");
}

TEST_CASE("case is disregarded in any script") {
    CHECK(contains("Hello World", "WORLD"));
    CHECK_FALSE(contains("Hello World", "worlds"));
    CHECK(contains("ÉCOLE", "école"));
    CHECK(contains("e\xcc\x81" "cole", "École"));
    CHECK(contains("Straße", "STRASSE"));
    CHECK(contains("ПРИВЕТ", "привет"));
    CHECK(contains("ＡＢＣ", "abc"));
    CHECK(contains("x", ""));
    CHECK(contains("one\ntwo", "e\nT"));
    CHECK_FALSE(contains("", "x"));
}

TEST_CASE("a base subject has lost what mailers and lists put around it") {
    // RFC 5256 section 2.1
    CHECK(base("hello") == "hello");
    CHECK(base("Re: hello") == "re hello");
    CHECK(base(" RE : Fwd:\tfw: hello (fwd) (FWD)") == "re hello");
    CHECK(base("Re[2]: hello") == "re hello");
    CHECK(base("[list] Re: [list] hello") == "re hello");
    CHECK(base("[list]") == "[list]");
    CHECK(base("[a] [b] c") == "c");
    CHECK(base("[fwd: Re: hello]") == "re hello");
    CHECK(base("[Fwd: hello] x") == "x");
    CHECK(base("Regards: hello") == "Regards: hello");
    CHECK(base("re hello") == "re hello");
    CHECK(base("=?utf-8?q?Re:_h=C3=A9llo?=   there") == "re héllo there");
    CHECK(base("") == "");
    CHECK(base("Re:") == "re ");
    std::string blobs;
    for (int i = 0; i < 300'000; ++i) blobs += "[a]";
    CHECK(base(blobs + "x").size() < 5000);
}

TEST_CASE("dates are read however they are written") {
    const SentDate expected{837'595'405, 9694};
    CHECK(parse_date("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)") == expected);
    CHECK(parse_date("17 Jul 96 02:23:25 PDT") == expected);
    CHECK(parse_date("Wed Jul 17 02:23:25 1996 -0700") == expected);
    CHECK(parse_date("17-Jul-1996 02:23:25 -0700") == expected);
    CHECK(parse_date("(a comment (nested)) 17 (x) July 1996, 02:23:25 -0700") == expected);
    CHECK(parse_date("Wed, 17 Jul 1996 09:23:25") == expected);
    CHECK(parse_date("Wed, 17 Jul 1996 09:23:25 GMT") == expected);
    CHECK(parse_date("17 Jul 1996") == SentDate{837'561'600, 9694});
    CHECK(parse_date("31 Dec 1999 23:30:00 -0100") == SentDate{946'686'600, 10'956});
    CHECK(parse_date("1 Jan 103 0:00 +0000")->day == 12'053);
    for (const char* const none : {"", "hello", "32 Jan 2020", "29 Feb 2023 1:1:1", "Jan 2020",
                                   "1 Foo 2020", "99999999999 Jan 1"})
        CHECK_FALSE(parse_date(none));
}
