#include "wire/line_buffer.hpp"

#include <catch2/catch.hpp>

using mailhandler::wire::Line;
using mailhandler::wire::LineBuffer;

namespace {

// Every line as "text|", with '~' for a bare LF and '!' for one that was too long.
std::string lines(LineBuffer& buffer) {
    std::string all;
    while (const auto line = buffer.next()) {
        all.append(line->text);
        all += line->too_long ? '!' : line->crlf ? '|' : '~';
    }
    return all;
}

}  // namespace

TEST_CASE("Lines come out the same whole and octet by octet") {
    using namespace std::string_literals;
    const struct {
        std::string octets, lines, rest;
    } table[] = {
        {"EHLO a\r\nQUIT\r\n", "EHLO a|QUIT|", ""},
        {"\r\n", "|", ""},
        {"\n", "~", ""},
        {"a\nb\r\nc", "a~b|", "c"},
        {"a\rb\r\n", "a\rb|", ""},
        {"a\r\r\n", "a\r|", ""},
        {"a\0b\r\n"s, "a\0b|"s, ""},
        {"12345678\r\n", "12345678|", ""},
        {"123456789\r\nx\r\n", "!x|", ""},
        {"12345678\r", "", "12345678\r"},
        {"12345678\r\r\nx\r\n", "!x|", ""},
        {"1234567890123456789012345678901234567890\nx\r\n", "!x|", ""},
    };
    for (const auto& row : table) {
        CAPTURE(row.octets);
        LineBuffer whole(8);
        whole.append(row.octets);
        CHECK(lines(whole) == row.lines);
        CHECK(whole.pending() == row.rest);

        LineBuffer trickled(8);
        std::string all;
        for (const char c : row.octets) {
            trickled.append(std::string_view(&c, 1));
            all += lines(trickled);
        }
        CHECK(all == row.lines);
        CHECK(trickled.pending() == row.rest);
    }
}

TEST_CASE("An endless line takes no memory and the next one is read") {
    LineBuffer buffer(512);
    const std::string block(65536, 'x');
    for (int i = 0; i < 1000; ++i) {
        buffer.append(block);
        CHECK_FALSE(buffer.next());
        REQUIRE(buffer.pending().size() <= 513);
        REQUIRE(buffer.unfinished());
    }
    buffer.append("\r\nNOOP\r\n");
    CHECK(lines(buffer) == "!NOOP|");
    CHECK_FALSE(buffer.unfinished());
}

TEST_CASE("Content behind a line is taken as octets, and the lines behind it are lines again") {
    LineBuffer buffer(64);
    buffer.append("BDAT 5\r\na\r\nb\nQUIT\r\n");
    REQUIRE(buffer.next()->text == "BDAT 5");
    REQUIRE(buffer.pending().substr(0, 5) == "a\r\nb\n");
    buffer.consume(5);
    CHECK(lines(buffer) == "QUIT|");
    buffer.append("half");
    buffer.clear();
    buffer.append("RSET\r\n");
    CHECK(lines(buffer) == "RSET|");
}
