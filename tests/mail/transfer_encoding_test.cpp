#include "mail/transfer_encoding.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::mail;

namespace {

// Decoded whole, and the same in pieces of one octet.
std::string read(std::string_view encoded, TransferEncoding encoding) {
    const std::string whole = decoded(encoded, encoding);
    TransferDecoder decoder(encoding);
    std::string pieces;
    for (const char& c : encoded) decoder.feed({&c, 1}, pieces);
    decoder.finish(pieces);
    CHECK(pieces == whole);
    return whole;
}

std::string base64(std::string_view encoded) { return read(encoded, TransferEncoding::base64); }
std::string quoted(std::string_view encoded) {
    return read(encoded, TransferEncoding::quoted_printable);
}

}  // namespace

TEST_CASE("transfer encodings are known by name") {
    CHECK(transfer_encoding("") == TransferEncoding::identity);
    CHECK(transfer_encoding("8BIT") == TransferEncoding::identity);
    CHECK(transfer_encoding("Base64") == TransferEncoding::base64);
    CHECK(transfer_encoding("QUOTED-printable") == TransferEncoding::quoted_printable);
    CHECK(transfer_encoding("x-uuencode") == TransferEncoding::unknown);
}

TEST_CASE("base64 is decoded whatever is between its digits") {
    CHECK(base64("aGVsbG8gd29ybGQ=") == "hello world");
    CHECK(base64("aGVs\r\nbG8gd2\r\n9ybGQh\r\n") == "hello world!");
    CHECK(base64("aGVsbG8g*d29y bGQ") == "hello world");
    CHECK(base64("YQ==YmM=\r\nZGVm") == "abcdef");
    CHECK(base64("YQ") == "a");
    CHECK(base64("Y") == "");
    CHECK(base64("====") == "");
    CHECK(base64("") == "");
}

TEST_CASE("quoted-printable is decoded, and what is not left as it is") {
    CHECK(quoted("caf=C3=A9 =3D") == "caf\xc3\xa9 =");
    CHECK(quoted("one =\r\ntwo=\nthree=  \r\nfour") == "one twothreefour");
    CHECK(quoted("trailing  \r\nspace\t\n") == "trailing\r\nspace\n");
    CHECK(quoted("=e9=E9") == "\xe9\xe9");
    CHECK(quoted("a=b =zz =4") == "a=b =zz =4");
    CHECK(quoted("==41=") == "=A=");
    CHECK(quoted("= x") == "= x");
    CHECK(quoted("a\rb\r\r\nc") == "a\rb\r\r\nc");
    CHECK(quoted("end ") == "end");
    CHECK(quoted("=\r\n") == "");
}
