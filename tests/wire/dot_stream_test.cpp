#include "wire/dot_stream.hpp"

#include <catch2/catch.hpp>
#include <random>

using mailhandler::wire::DotDecoder;
using mailhandler::wire::DotEncoder;

namespace {

struct Decoded {
    std::string text, rest;
    bool finished, bare_cr;
};

// Decodes `octets` in pieces of `piece` octets.
Decoded decode(const std::string& octets, std::size_t piece) {
    DotDecoder decoder;
    Decoded result{};
    std::size_t at = 0;
    while (at < octets.size() && !decoder.finished()) {
        const std::string_view chunk = std::string_view(octets).substr(at, piece);
        const std::size_t used = decoder.decode(chunk, result.text);
        if (used != chunk.size()) REQUIRE(decoder.finished());
        at += used;
    }
    result.rest = octets.substr(at);
    result.finished = decoder.finished();
    result.bare_cr = decoder.bare_cr();
    return result;
}

}  // namespace

TEST_CASE("Only CRLF.CRLF ends the text") {
    using namespace std::string_literals;
    const struct {
        std::string octets, text, rest;
        bool finished = true, bare_cr = false;
    } table[] = {
        {".\r\nQUIT\r\n", "", "QUIT\r\n"},
        {"a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"},
        {"a\r\n..\r\n.\r\n", "a\r\n.\r\n", ""},
        {"..a\r\n.\r\n", ".a\r\n", ""},
        {".a\r\n.\r\n", "a\r\n", ""},
        {"...\r\n.\r\n", "..\r\n", ""},
        // The five of SMTP smuggling.
        {"a\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", ""},
        {"a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n", ""},
        {"a\n.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", ""},
        {"a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", "", true, true},
        {"a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r\r\nb\r\n", "", true, true},
        // Their relatives.
        {"a\n..\nb\r\n.\r\n", "a\r\n..\r\nb\r\n", ""},
        {"a\r\n.\r.\r\n.\r\n", "a\r\n\r.\r\n", "", true, true},
        {"\r.\r\n\r\n.\r\n", "\r.\r\n\r\n", "", true, true},
        {"a\r\r\n.\r\n", "a\r\r\n", "", true, true},
        {"a\r\n\n.\r\nb\r\n.\r\n", "a\r\n\r\n.\r\nb\r\n", ""},
        {"a\0\xff\r\n.\r\n"s, "a\0\xff\r\n"s, ""},
        // Not yet the end.
        {"a\r\n.\r", "a\r\n", "", false},
        {"a\r\n.", "a\r\n", "", false},
        {"a\r", "a", "", false},
        {"a", "a", "", false},
        {"a\r\n", "a\r\n", "", false},
    };
    for (const auto& row : table) {
        for (std::size_t piece :
             {row.octets.size(), std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
            CAPTURE(row.octets, piece);
            const Decoded got = decode(row.octets, piece);
            CHECK(got.text == row.text);
            CHECK(got.rest == row.rest);
            CHECK(got.finished == row.finished);
            CHECK(got.bare_cr == row.bare_cr);
        }
    }
}

TEST_CASE("What the encoder writes is the text again, and ends only where it ended") {
    using namespace std::string_literals;
    const struct {
        std::string text, octets;
    } table[] = {
        {"", ".\r\n"},
        {"a\r\n", "a\r\n.\r\n"},
        {"a", "a\r\n.\r\n"},
        {"a\r", "a\r\n.\r\n"},
        {".\r\n", "..\r\n.\r\n"},
        {".", "..\r\n.\r\n"},
        {"a\r\n.\r\n..b\r\n", "a\r\n..\r\n...b\r\n.\r\n"},
        {"a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"},
        {"\n", "\r\n.\r\n"},
        {"a\r.\r\n", "a\r.\r\n.\r\n"},
    };
    for (const auto& row : table) {
        for (std::size_t piece = 1; piece <= row.text.size() + 1; ++piece) {
            CAPTURE(row.text, piece);
            DotEncoder encoder;
            std::string octets;
            for (std::size_t at = 0; at < row.text.size(); at += piece) {
                encoder.encode(std::string_view(row.text).substr(at, piece), octets);
            }
            encoder.finish(octets);
            CHECK(octets == row.octets);
        }
    }
}

TEST_CASE("Any text survives encoding and decoding in random pieces") {
    std::mt19937 random(20261123);
    const std::string letters = "\r\n.ab";
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        const std::size_t size = random() % 60;
        while (text.size() < size) {
            const char c = letters[random() % letters.size()];
            if (c == '\r' || c == '\n') {
                text += "\r\n";
            } else {
                text += c;
            }
        }
        text += "\r\n";
        DotEncoder encoder;
        std::string octets;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t piece = 1 + random() % 7;
            encoder.encode(std::string_view(text).substr(at, piece), octets);
            at += piece;
        }
        encoder.finish(octets);
        CAPTURE(text, octets);
        const Decoded got = decode(octets + "QUIT", 1 + random() % 9);
        REQUIRE(got.text == text);
        REQUIRE(got.rest == "QUIT");
    }
}
