#include "mail/address_list.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::mail;

namespace {

// "name <route:local@domain>, group: …;"
std::string read(std::string_view text) {
    std::string all;
    for (const ListedAddress& each : parse_address_list(text)) {
        if (each.kind == ListedAddress::Kind::group_begin)
            all += '[' + each.name + ": ";
        else if (each.kind == ListedAddress::Kind::group_end)
            all += ']';
        else
            all += each.name + '<' + each.route + '|' + each.local + '@' + each.domain + '>';
    }
    return all;
}

}  // namespace

TEST_CASE("addresses of a header field are read as RFC 5322 writes them") {
    CHECK(read("anne@example.org") == "<|anne@example.org>");
    CHECK(read(" Anne Smith <anne@example.org>, bob@x") == "Anne Smith<|anne@example.org><|bob@x>");
    CHECK(read("\"Smith, \\\"A\\\"\" <\"a b\"@x>") == "Smith, \"A\"<|a b@x>");
    CHECK(read("J. P. Q. Public <j@x>") == "J. P. Q. Public<|j@x>");
    CHECK(read("=?utf-8?q?A=C3=A9?= =?utf-8?q?b?= <a@x>") == "=?utf-8?q?A=C3=A9?= =?utf-8?q?b?=<|a@x>");
    CHECK(read("a@[192.0.2.1], b@[IPv6:2001:db8::1]") == "<|a@[192.0.2.1]><|b@[IPv6:2001:db8::1]>");
    CHECK(read("Anne\r\n <anne@x>,\r\n\tbob@x") == "Anne<|anne@x><|bob@x>");
}

TEST_CASE("groups begin with a colon and end with a semicolon or with the field") {
    CHECK(read("friends: a@x, B <b@x>; c@x") == "[friends: <|a@x>B<|b@x>]<|c@x>");
    CHECK(read("undisclosed-recipients:;") == "[undisclosed-recipients: ]");
    CHECK(read("a: b@x") == "[a: <|b@x>]");
    CHECK(read("a: b: c@x;;") == "[a: <|c@x>]");
}

TEST_CASE("comments go, but one behind an address without a name is its name") {
    CHECK(read("anne@x (Anne (the) Smith)") == "Anne (the) Smith<|anne@x>");
    CHECK(read("(first) Anne (not her name) <anne@x>") == "Anne<|anne@x>");
    CHECK(read("<anne@x> (Anne)") == "Anne<|anne@x>");
    CHECK(read("a@x (never closed, b@y") == "<|a@x><|b@y>");
}

TEST_CASE("obsolete addresses are read") {
    CHECK(read("<@a.example,@b.example:anne@x>") == "<@a.example,@b.example|anne@x>");
    CHECK(read("anne . smith @ example . org") == "<|anne.smith@example.org>");
    CHECK(read("\"anne\".smith@x") == "<|anne.smith@x>");
    CHECK(read(",, a@x,, b@y,") == "<|a@x><|b@y>");
}

TEST_CASE("broken addresses are shown as they are") {
    CHECK(read("") == "");
    CHECK(read("<>") == "<|@>");
    CHECK(read("root") == "<|root@>");
    CHECK(read("Mary Smith") == "<|Mary Smith@>");
    CHECK(read("Undisclosed Recipients@x") == "<|Undisclosed Recipients@x>");
    CHECK(read("anne@x.org <anne@x.org>") == "anne@x.org<|anne@x.org>");
    CHECK(read("Anne <anne@x, bob@y") == "Anne<|anne@x><|bob@y>");
    CHECK(read("<a@x>junk, <b@y>") == "<|a@x><|b@y>");
    CHECK(read("a@x b@y, c@z") == "<|a@x><|c@z>");
    CHECK(read("\"never closed <a@x>") == "<|never closed <a@x>@>");
    CHECK(read("C:\\mail\\list.txt@x") == "[C: <|\\mail\\list.txt@x>]");
    CHECK(read("a@[192.0.2.1") == "<|a@[192.0.2.1>");
    CHECK(read("@x, a@, @") == "<|@x><|a@>");
    CHECK(read(";:;@<>(") == "[: ]@<|@>");
    CHECK(read("a (x@z)(b@c") == "x@z<|a (b@c>");
    CHECK(read("@\"never<x@y>, z") == "@\"never<|x@y><|z@>");
}

TEST_CASE("a field full of addresses, parentheses or brackets takes no time") {
    std::string many;
    for (int i = 0; i < 100'000; ++i) many += "a@x,";
    CHECK(parse_address_list(many).size() == address_limit);
    CHECK(parse_address_list(std::string(1'000'000, '(')).size() <= 1);
    CHECK(parse_address_list(std::string(1'000'000, '<')).size() <= address_limit);
    std::string quotes;
    for (int i = 0; i < 500'000; ++i) quotes += "<\"";
    CHECK(parse_address_list(quotes).size() <= address_limit);
    for (const char* each : {"@\\\"<,", "@\"\\\"<,", "<@a,", "<@\"a,"}) {
        std::string unclosed;
        for (int i = 0; i < 200'000; ++i) unclosed += each;
        CHECK(parse_address_list(unclosed).size() <= address_limit);
    }
}
