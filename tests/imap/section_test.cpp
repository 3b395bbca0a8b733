#include "imap/section.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;
using imap::Section;
using What = Section::What;

namespace {

const std::string_view message =
    "Subject: outer\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
    "--a\r\nX: 1\r\n\r\none\r\n"
    "--a\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Subject: inner\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+\r\n--b--\r\n"
    "\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: plain\r\n\r\ntext\r\n--a--\r\n";

// The octets that a section names, or "NIL".
std::string octets(What what, std::vector<std::uint32_t> part) {
    const mail::MimeTree tree = mail::scan_mime(message);
    const auto range = imap::locate({what, std::move(part), {}}, tree);
    return range ? std::string(message.substr(range->begin, range->size())) : "NIL";
}

}  // namespace

TEST_CASE("sections of the message itself") {
    CHECK(octets(What::all, {}) == message);
    CHECK(octets(What::header, {}) == message.substr(0, 61));
    CHECK(octets(What::text, {}) == message.substr(61));
    CHECK(octets(What::header_fields, {}) == message.substr(0, 61));
    CHECK(octets(What::binary, {}) == message);
}

TEST_CASE("sections of its parts") {
    CHECK(octets(What::all, {1}) == "one");
    CHECK(octets(What::mime, {1}) == "X: 1\r\n\r\n");
    CHECK(octets(What::mime, {2}) ==
          "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    CHECK(octets(What::header, {2}) ==
          "Subject: inner\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n");
    CHECK(octets(What::text, {2}).starts_with("--b\r\nContent-Type: text/html"));
    CHECK(octets(What::all, {2}) == octets(What::header, {2}) + octets(What::text, {2}));
    CHECK(octets(What::all, {2, 1}) == "PHA+");
    CHECK(octets(What::binary, {2, 1}) == "PHA+");
    CHECK(octets(What::all, {3, 1}) == "text");
    CHECK(octets(What::mime, {3, 1}) == "Subject: plain\r\n\r\n");
    CHECK(octets(What::text, {3}) == "text");
}

TEST_CASE("sections that are not there") {
    CHECK(octets(What::all, {4}) == "NIL");
    CHECK(octets(What::all, {1, 1}) == "NIL");
    CHECK(octets(What::header, {1}) == "NIL");
    CHECK(octets(What::text, {2, 1}) == "NIL");
    CHECK(octets(What::mime, {3, 2}) == "NIL");
}

TEST_CASE("a message without parts is its own part 1") {
    const std::string_view plain = "A: b\r\n\r\ntext";
    const mail::MimeTree tree = mail::scan_mime(plain);
    CHECK(imap::locate({What::all, {1}, {}}, tree) == imap::Range{8, 12});
    CHECK(imap::locate({What::mime, {1}, {}}, tree) == imap::Range{0, 8});
    CHECK_FALSE(imap::locate({What::text, {1}, {}}, tree));
    CHECK_FALSE(imap::locate({What::all, {2}, {}}, tree));
}

TEST_CASE("fields are selected whole, as they stand, with the empty line") {
    const std::string_view header = "To: a@x\r\nSubject: one\r\n two\r\nto : b@x\r\nX: y\r\n\r\n";
    CHECK(imap::selected_fields(header, {What::header_fields, {}, {"TO", "None"}}) ==
          "To: a@x\r\nto : b@x\r\n\r\n");
    CHECK(imap::selected_fields(header, {What::header_fields_not, {}, {"to", "X"}}) ==
          "Subject: one\r\n two\r\n\r\n");
    CHECK(imap::selected_fields(header, {What::header_fields, {}, {"none"}}) == "\r\n");
    CHECK(imap::selected_fields("X: y\r\n", {What::header_fields, {}, {"x"}}) == "X: y\r\n");
}

TEST_CASE("only a part that holds no others has a transfer encoding to undo") {
    const mail::MimeTree tree = mail::scan_mime(message);
    CHECK(imap::encoding_of({What::binary, {2, 1}, {}}, tree) == "base64");
    CHECK(imap::encoding_of({What::binary, {2}, {}}, tree).empty());
    CHECK(imap::encoding_of({What::binary, {1}, {}}, tree).empty());
    CHECK(imap::encoding_of({What::binary, {}, {}}, tree).empty());
}
