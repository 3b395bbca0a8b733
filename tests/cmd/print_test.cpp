#include "print.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "context.hpp"

using namespace mailhandler::cmd;

TEST_CASE("JSON is written member by member, a document a line") {
    std::ostringstream out;
    Json json(out);
    json.object().member("a", "x").member("n", 3u).member("b", true).member("z", nullptr);
    json.array("list").element("one").element(2).object().member("in", "side").end().end();
    json.member("texts", std::vector<std::string>{"p", "q"}).object("o").end().end();
    json.array().end();
    CHECK(out.str() ==
          R"({"a":"x","n":3,"b":true,"z":null,"list":["one",2,{"in":"side"}],"texts":["p","q"],"o":{}})"
          "\n[]\n");
}

TEST_CASE("JSON text is always UTF-8, whatever a stranger sent") {
    const auto text = [](std::string_view value) {
        std::ostringstream out;
        Json(out).array().element(value).end();
        return out.str();
    };
    CHECK(text("a\"b\\c\n\t\x01\x7f") == "[\"a\\\"b\\\\c\\n\\u0009\\u0001\\u007f\"]\n");
    CHECK(text("é€😀") == "[\"é€😀\"]\n");
    CHECK(text("\xff\xc0\xaf") == "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]\n");
    CHECK(text("\xed\xa0\x80") == "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]\n");
    CHECK(text("caf\xc3") == "[\"caf\xef\xbf\xbd\"]\n");
}

TEST_CASE("a table's columns are as wide as their widest cell") {
    std::ostringstream out;
    print_table(out, {{"a", "bb", "c"}, {"ééé", "b", "x\ny"}, {"long", "", ""}});
    CHECK(out.str() == "a     bb  c\nééé   b   x\\x0ay\nlong\n");
}

TEST_CASE("control characters never reach a terminal") {
    CHECK(printable("\x1b[31m") == "\\x1b[31m");
    CHECK(printable("\xc2\x9b" "31m") == "\\xc2\x9b" "31m");
    CHECK(printable("é") == "é");
}

TEST_CASE("sizes are shown in the unit they fit") {
    CHECK(size_text(0) == "0 B");
    CHECK(size_text(1023) == "1023 B");
    CHECK(size_text(1024) == "1 KiB");
    CHECK(size_text(1536) == "1.5 KiB");
    CHECK(size_text(10ull << 30) == "10 GiB");
}
