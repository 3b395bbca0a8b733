#include "imap/envelope.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::imap;

TEST_CASE("an envelope tells the header as it stands") {
    // the example of RFC 3501 section 8, its message's header
    CHECK(render_envelope(
              "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
              "From: Terry Gray <gray@cac.washington.edu>\r\n"
              "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
              "To: imap@cac.washington.edu\r\n"
              "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
              "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
              "MIME-Version: 1.0\r\n\r\n") ==
          "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
          "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
          "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
          "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
          "((NIL NIL \"imap\" \"cac.washington.edu\")) "
          "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
          "NIL NIL \"<B27397-0100000@cac.washington.edu>\")");
}

TEST_CASE("what the header lacks is NIL, what is empty is empty") {
    CHECK(render_envelope("") == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    CHECK(render_envelope("Subject:\r\nDate: \r\nTo:\r\n\r\n") ==
          "(\"\" \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST_CASE("sender and reply-to are from's unless they name somebody") {
    CHECK(render_envelope("From: a@x\r\nSender: b@x\r\nReply-To: \r\n\r\n") ==
          "(NIL NIL ((NIL NIL \"a\" \"x\")) ((NIL NIL \"b\" \"x\")) ((NIL NIL \"a\" \"x\")) "
          "NIL NIL NIL NIL NIL)");
}

TEST_CASE("groups, routes and addresses without a domain have their own forms") {
    CHECK(render_envelope("To: g: a@x;, <@r:b@x>, root\r\n\r\n") ==
          "(NIL NIL NIL NIL NIL "
          "((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"x\")(NIL NIL NIL NIL)"
          "(NIL \"@r\" \"b\" \"x\")(NIL NIL \"root\" \"\")) NIL NIL NIL NIL)");
}

TEST_CASE("what cannot be quoted is a literal") {
    CHECK(render_envelope("Subject: caf\xe9 \"x\\\r\n y\r\n") ==
          "(NIL {10}\r\ncaf\xe9 \"x\\ y NIL NIL NIL NIL NIL NIL NIL NIL)");
    CHECK(render_envelope("Subject: \"x\\\r\n") ==
          "(NIL \"\\\"x\\\\\" NIL NIL NIL NIL NIL NIL NIL NIL)");
    CHECK(render_envelope(std::string_view("Subject: a\0b\r\n", 14)) ==
          "(NIL \"a b\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST_CASE("a field that occurs twice counts once, its addresses all") {
    CHECK(render_envelope("Subject: a\nSubject: b\nTo: a@x\nTO: b@x\n\nSubject: c") ==
          "(NIL \"a\" NIL NIL NIL ((NIL NIL \"a\" \"x\")(NIL NIL \"b\" \"x\")) NIL NIL NIL NIL)");
}
