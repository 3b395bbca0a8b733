#include <catch2/catch.hpp>

#include "wire/deflate.hpp"

using namespace mailhandler::wire;

namespace {

std::string all_of(Inflater& inflater, std::size_t most = 1000) {
    std::string text, piece;
    for (;;) {
        REQUIRE(inflater.read(piece, most));
        if (piece.empty()) return text;
        REQUIRE(piece.size() <= most);
        text += piece;
    }
}

}  // namespace

TEST_CASE("What was flushed can be read at once, in whatever pieces it comes") {
    Deflater deflater;
    Inflater whole, trickled;
    for (const std::string& text :
         {std::string("a LOGIN anne secret\r\n"), std::string(), std::string(100'000, 'x'),
          std::string("end")}) {
        std::string sent;
        deflater.write(text, sent);
        CHECK(deflater.holds() == !text.empty());
        deflater.flush(sent);
        CHECK_FALSE(deflater.holds());
        whole.feed(sent);
        CHECK(all_of(whole) == text);
        std::string heard;
        for (const char c : sent) {
            trickled.feed(std::string(1, c));
            heard += all_of(trickled, 7);
        }
        CHECK(heard == text);
    }
}

TEST_CASE("Nothing is flushed twice") {
    Deflater deflater;
    std::string sent;
    deflater.flush(sent);
    CHECK(sent.empty());
    deflater.write("x", sent);
    deflater.flush(sent);
    const std::size_t size = sent.size();
    deflater.flush(sent);
    CHECK(sent.size() == size);
}

TEST_CASE("A small input comes out in bounded pieces") {
    Deflater deflater;
    std::string sent, piece;
    for (int i = 0; i < 100; ++i) deflater.write(std::string(100'000, '\0'), sent);
    deflater.flush(sent);
    CHECK(sent.size() < 20'000);
    Inflater inflater;
    inflater.feed(sent);
    std::size_t total = 0;
    do {
        REQUIRE(inflater.read(piece, 65536));
        CHECK(piece.size() <= 65536);
        total += piece.size();
    } while (!piece.empty());
    CHECK(total == 10'000'000);
}

TEST_CASE("What is no DEFLATE is refused") {
    Inflater inflater;
    inflater.feed("a LOGIN anne secret\r\n");
    std::string piece;
    bool good = true;
    for (int i = 0; good && i < 5; ++i) good = inflater.read(piece, 100);
    CHECK_FALSE(good);
}
