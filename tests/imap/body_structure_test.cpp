#include "imap/body_structure.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;

namespace {

std::string rendered(std::string_view octets, bool extended, mail::MimeLimits limits = {}) {
    return imap::render_body_structure(mail::scan_mime(octets, limits), octets, extended);
}

}  // namespace

TEST_CASE("a message without MIME is US-ASCII text") {
    CHECK(rendered("A: b\r\n\r\none\r\n", false) ==
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 5 1)");
    CHECK(rendered("A: b\r\n\r\none\r\n", true) ==
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 5 1 NIL NIL NIL NIL)");
}

TEST_CASE("every field of a part is told") {
    const char* const message =
        "Content-Type: IMAGE/png; name=\"a b\"; x=y\r\nContent-ID: <i@d>\r\n"
        "Content-Description: caf\xe9\r\nContent-Transfer-Encoding: BASE64\r\nContent-MD5: bWQ1\r\n"
        "Content-Disposition: inline; filename*=utf-8''%C3%A9\r\nContent-Language: en, de\r\n"
        "Content-Location: http://x/\r\n\r\nAAAA";
    CHECK(rendered(message, true) ==
          "(\"IMAGE\" \"png\" (\"name\" \"a b\" \"x\" \"y\") \"<i@d>\" {4}\r\ncaf\xe9 \"BASE64\" 4 "
          "\"bWQ1\" (\"inline\" (\"filename*\" \"utf-8''%C3%A9\")) (\"en\" \"de\") \"http://x/\")");
    CHECK(rendered(message, false) ==
          "(\"IMAGE\" \"png\" (\"name\" \"a b\" \"x\" \"y\") \"<i@d>\" {4}\r\ncaf\xe9 \"BASE64\" 4)");
}

TEST_CASE("multiparts and messages hold the structure of what is in them") {
    const char* const message =
        "Content-Type: multipart/mixed; boundary=a\r\nContent-Disposition: inline\r\n\r\n"
        "--a\r\n\r\none\r\n"
        "--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\nContent-Type: text/html\r\n\r\n<p>\r\n"
        "--a--\r\n";
    CHECK(rendered(message, false) ==
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 3 0)"
          "(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 42 "
          "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"html\" NIL NIL NIL \"7BIT\" 3 0) 3) "
          "\"mixed\")");
    CHECK(rendered(message, true) ==
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 3 0 NIL NIL NIL NIL)"
          "(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 42 "
          "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
          "(\"text\" \"html\" NIL NIL NIL \"7BIT\" 3 0 NIL NIL NIL NIL) 3 NIL NIL NIL NIL) "
          "\"mixed\" (\"boundary\" \"a\") (\"inline\" NIL) NIL NIL)");
}

TEST_CASE("what IMAP has no word for is told as what it comes closest to") {
    CHECK(rendered("Content-Type: multipart/mixed\r\n\r\nx", false) ==
          "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 0 0) \"mixed\")");
    CHECK(rendered("Content-Type: message/rfc822\r\n\r\nx", false, {.depth = 1}) ==
          "(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" 1)");
}
