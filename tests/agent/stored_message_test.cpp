#include "agent/stored_message.hpp"

#include <catch2/catch.hpp>

#include "agent/crlf_body.hpp"
#include "agent/decoded_body.hpp"
#include "agent/message_file.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using agent::StoredMessage;

namespace {

class Files {
  public:
    StoredMessage message(const std::string& octets, std::optional<std::uint64_t> wire = {}) {
        return StoredMessage(file(octets), wire);
    }
    std::unique_ptr<disk::File> file(const std::string& octets) {
        const std::string path = directory_.path() + "/" + std::to_string(++count_);
        REQUIRE((*disk_->create(path))->write(octets));
        return std::move(*disk_->open(path));
    }

  private:
    test::TemporaryDirectory directory_;
    std::unique_ptr<disk::Disk> disk_ = disk::system_disk();
    int count_ = 0;
};

std::string all_of(wire::Body& body, std::size_t piece = 4096) {
    std::string text, block(piece, '\0');
    while (const auto got = body.read_at(text.size(), block.data(), piece).value())
        text.append(block, 0, got);
    return text;
}

std::string lines(std::size_t count, const char* end) {
    std::string text = std::string("Subject: x") + end + end;
    for (std::size_t i = 0; i < count; ++i) text += "line " + std::to_string(i * i) + end;
    return text;
}

}  // namespace

TEST_CASE("a small message is read whole, its lines ended by CRLF") {
    Files files;
    auto message = files.message("A: b\n\none\ntwo\r\nthree");
    CHECK(message.header().value() == "A: b\r\n\r\n");
    CHECK(message.size().value() == 23);
    CHECK(message.whole().value().value() == "A: b\r\n\r\none\r\ntwo\r\nthree");
    CHECK(message.tree().value()->root().body_begin == 8);
    CHECK(message.read(8, 11).value() == "one");
    CHECK(all_of(*message.body().value()) == "A: b\r\n\r\none\r\ntwo\r\nthree");
}

TEST_CASE("of a large message the header is read alone") {
    Files files;
    for (const char* const end : {"\n", "\r\n"}) {
        const std::string octets = lines(50'000, end);
        const std::string wire = lines(50'000, "\r\n");
        auto message = files.message(octets, wire.size());
        CHECK(message.header().value() == "Subject: x\r\n\r\n");
        CHECK_FALSE(message.whole().value());
        CHECK(message.is_large());
        CHECK(message.size().value() == wire.size());
        CHECK(message.tree().value()->root().lines == 50'000);
        CHECK(message.read(300'000, 300'100).value() == wire.substr(300'000, 100));
        CHECK(message.header().value() == "Subject: x\r\n\r\n");
        CHECK(all_of(*message.body().value()) == wire);
    }
}

TEST_CASE("a header that fills blocks is read to its end, one without an end to the limit") {
    Files files;
    const std::string header = "A: " + std::string(20'000, 'x') + "\r\nB: c\r\n\r\n";
    CHECK(files.message(header + std::string(300'000, 'y')).header().value() == header);
    CHECK(files.message("A: b\r\n").header().value() == "A: b\r\n");
    CHECK(files.message("").header().value().empty());
    const std::string endless = "A: " + std::string(3'000'000, 'x');
    CHECK(files.message(endless).header().value().size() == StoredMessage::longest_header);
}

TEST_CASE("a file with LF is a body with CRLF at any offset") {
    Files files;
    std::string octets = lines(20'000, "\n");
    octets[65'535] = '\r';  // a line end that two blocks share
    octets[65'536] = '\n';
    octets[131'072] = '\n';
    std::string wire;
    agent::append_with_crlf(wire, octets);
    auto body = agent::CrlfBody::make(files.file(octets)).value();
    CHECK(body->size() == wire.size());
    CHECK(all_of(*body, 1000) == wire);
    for (const std::size_t at : {200'000u, 5u, 65'540u, 66'000u, 131'075u}) {
        char piece[50];
        const auto got = body->read_at(at, piece, sizeof piece).value();
        REQUIRE(got > 0);
        CHECK(std::string_view(piece, got) == std::string_view(wire).substr(at, got));
    }
    CHECK(body->read_at(wire.size(), octets.data(), 1).value() == 0);
    CHECK(agent::CrlfBody::make(files.file("")).value()->size() == 0);
}

TEST_CASE("a large part is decoded while it is read") {
    std::string encoded, plain;
    for (int i = 0; i < 30'000; ++i) {
        encoded += "aGVsbG8h\r\n";
        plain += "hello!";
    }
    auto source = agent::text_body("header" + encoded + "trailer");
    auto body = agent::DecodedBody::make(source, 6, 6 + encoded.size(), mail::TransferEncoding::base64)
                    .value();
    CHECK(body->size() == plain.size());
    CHECK(all_of(*body) == plain);
    CHECK(all_of(*body, 7) == plain);
    char piece[6];
    REQUIRE(body->read_at(90'003, piece, 6).value() > 0);
    CHECK(piece[0] == 'l');
}
