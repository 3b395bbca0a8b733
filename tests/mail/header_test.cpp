#include "mail/header.hpp"

#include <catch2/catch.hpp>
#include <chrono>

using namespace mailhandler::mail;

namespace {

// "Name=value|Name=value|" and where the header ended
std::string fields(std::string_view octets) {
    HeaderScan scan(octets);
    std::string text;
    while (const auto field = scan.next())
        text += std::string(field->name) + '=' + field->value() + '|';
    return text + (scan.complete() ? "" : "…") + std::to_string(scan.position());
}

std::string times(std::size_t count, std::string_view text) {
    std::string out;
    out.reserve(count * text.size());
    while (count--) out += text;
    return out;
}

}  // namespace

TEST_CASE("Fields are found whatever the line ends, and the header ends at the empty line") {
    const std::pair<std::string, std::string> table[] = {
        {"A: b\r\n\r\nC: d\r\n", "A=b|8"},
        {"A: b\n\nC: d\n", "A=b|6"},
        {"A: b\nC: d", "A=b|C=d|…9"},
        {"A: b\r\n c\r\n\td\r\nE: f\r\n\r\n", "A=b c\td|E=f|22"},
        {"A :b\r\n\r\n", "A=b|8"},
        {"A \t : b\r\n\r\n", "A=b|11"},
        {"A\r\n : b\r\n\r\n", "A=b|11"},
        {"A:\r\n b\r\n\r\n", "A=b|10"},
        {"A:\r\n\r\n", "A=|6"},
        {"A: b\r\n \r\n c\r\n\r\n", "A=b  c|15"},
        {"From x Mon Jan 1\nA: b\n\n", "A=b|23"},
        {"garbage\r\nA: b\r\n\r\n", "A=b|17"},
        {"A: b\r\ngarbage\r\n more: garbage\r\nC: d\r\n\r\n", "A=b|C=d|39"},
        {": b\r\n\r\n", "7"},
        {"A b: c\r\n\r\n", "10"},
        {"\xc3\xa4: c\r\n\r\n", "9"},
        {"\r\nA: b", "2"},
        {"\nA: b", "1"},
        {"", "…0"},
        {"A: b\rC: d\r\n\r\n", "A=b C: d|13"},
        {"A: b\r", "A=b|…5"},
    };
    for (const auto& [octets, want] : table) {
        INFO(octets);
        CHECK(fields(octets) == want);
    }
    CHECK(fields({"A: b\0c\r\n\r\n", 10}) == "A=b c|10");
}

TEST_CASE("The raw fields and what lies between them are the header, octet for octet") {
    const std::string octets = "From x\nA : b\n c\ngarbage\nD:e\r\n\r\nbody";
    HeaderScan scan(octets);
    std::string raw;
    while (const auto field = scan.next()) raw += field->raw;
    CHECK(raw == "A : b\n c\nD:e\r\n");
}

TEST_CASE("A message that is all body has no header") {
    CHECK(begins_with_header("A: b\r\n"));
    CHECK(begins_with_header("A\r\n : b\r\n"));
    CHECK(begins_with_header("\r\nbody"));
    CHECK(begins_with_header(""));
    CHECK(begins_with_header("From anne Mon Jan 1\r\nA: b\r\n"));
    CHECK(!begins_with_header("Hello there\r\nX-Rcpt-To: x\r\n"));
    CHECK(!begins_with_header(" A: b\r\n"));
    CHECK(!begins_with_header("Hello"));
}

TEST_CASE("Fields are found by name and counted") {
    const std::string octets = "Received: a\r\nX: y\r\nRECEIVED : b\r\n\r\nReceived: c\r\n";
    CHECK(count_fields(octets, "received") == 2);
    CHECK(find_field(octets, "x")->value() == "y");
    CHECK(!find_field(octets, "y"));
}

TEST_CASE("Ten megabytes of header and a million lines are read in one pass") {
    const std::string tables[] = {
        "A: " + std::string(10 << 20, 'x') + "\r\n\r\n",
        "A: b\r\n" + times(1'000'000, " \r\n") + "\r\n",
        times(1'000'000, "A: b\r\n") + "\r\n",
        times(1'000'000, "A\r\n") + "\r\n",
        "A" + times(1'000'000, "\r\n ") + "\r\n\r\n",
        std::string(10 << 20, 'x'),
        std::string(10 << 20, '\n'),
        times(1'000'000, "A\r\n "),
    };
    for (const std::string& octets : tables) {
        const auto begin = std::chrono::steady_clock::now();
        HeaderScan scan(octets);
        while (scan.next()) {
        }
        (void)begins_with_header(octets);
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
    }
}
