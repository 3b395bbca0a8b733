#include "store/mail_cache.hpp"

#include <catch2/catch.hpp>

#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using store::MailCache;
using test::ForgetfulDisk;

namespace {

const std::string box = "/mail";
const std::string path = "/mail/mailhandler-cache";

struct Shelf {
    ForgetfulDisk disk;
    std::vector<std::string> said;
    Shelf() { REQUIRE(disk.make_directory(box, 0700)); }
    MailCache open(std::uint32_t validity = 7, std::uint32_t version = 1) {
        return {disk, Log([this](Severity, std::string_view text) { said.emplace_back(text); }), box,
                validity, version};
    }
    void spoil(std::size_t at) {
        std::string text = disk.files().at(path);
        text.at(at) ^= 1;
        REQUIRE(disk::replace_file(disk, path, text));
    }
};

}  // namespace

TEST_CASE("what was found out is found again, in this process and in the next") {
    Shelf shelf;
    {
        MailCache cache = shelf.open();
        CHECK(!cache.find(1, 0));
        cache.add(1, 0, "one");
        cache.add(1, 3, "");
        cache.add(5, 0, std::string(300'000, 'x'));
        cache.add(2, 0, "two");
        cache.add(1, 0, "other");
        CHECK(cache.find(1, 0) == "other");
        CHECK(cache.find(1, 3) == "");
        CHECK(!cache.find(1, 1));
        CHECK(cache.find(2, 0) == "two");
    }
    MailCache cache = shelf.open();
    CHECK(cache.find(1, 0) == "other");
    CHECK(cache.find(5, 0) == std::string(300'000, 'x'));
    CHECK(cache.find(2, 0) == "two");
    cache.add(3, 0, "three");
    CHECK(cache.find(3, 0) == "three");
    cache.flush();
    CHECK(cache.find(3, 0) == "three");
    CHECK(shelf.said.empty());
}

TEST_CASE("thousands of values in any order are found") {
    Shelf shelf;
    MailCache cache = shelf.open();
    for (std::uint32_t uid = 5000; uid > 0; --uid) {
        cache.add(uid, 0, std::to_string(uid));
        if (uid % 7 == 0) CHECK(cache.find(uid, 0) == std::to_string(uid));
    }
    cache.flush();
    MailCache again = shelf.open();
    for (std::uint32_t uid = 1; uid <= 5000; ++uid) {
        if (cache.find(uid, 0) != std::to_string(uid) || again.find(uid, 0) != std::to_string(uid))
            FAIL(uid);
    }
}

TEST_CASE("a cache of another UIDVALIDITY or version is begun anew") {
    Shelf shelf;
    shelf.open(7, 1).add(1, 0, "one");
    CHECK(!shelf.open(8, 1).find(1, 0));
    shelf.open(8, 1).add(1, 0, "one");
    CHECK(shelf.open(8, 1).find(1, 0) == "one");
    CHECK(!shelf.open(8, 2).find(1, 0));
}

TEST_CASE("a damaged record counts as not there, and a torn end is cut off") {
    Shelf shelf;
    {
        MailCache cache = shelf.open();
        cache.add(1, 0, "aaaa");
        cache.add(2, 0, "bbbb");
    }
    const std::string whole = shelf.disk.files().at(path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        INFO(at);
        REQUIRE(disk::replace_file(shelf.disk, path, whole));
        shelf.spoil(at);
        MailCache cache = shelf.open();
        const auto one = cache.find(1, 0), two = cache.find(2, 0);
        CHECK(one.value_or("aaaa") == "aaaa");
        CHECK(two.value_or("bbbb") == "bbbb");
        CHECK((!one || !two || at >= 12));  // the header's last word means nothing
        cache.add(3, 0, "cccc");
        cache.flush();
        CHECK(shelf.open().find(3, 0) == "cccc");
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO(size);
        REQUIRE(disk::replace_file(shelf.disk, path, whole.substr(0, size)));
        CHECK(shelf.open().find(1, 0).value_or("aaaa") == "aaaa");
        CHECK(!shelf.open().find(2, 0));
        shelf.open().add(3, 0, "cccc");
        CHECK(shelf.open().find(3, 0) == "cccc");
    }
}

TEST_CASE("a disk that will not have a cache costs nothing but the cache") {
    Shelf shelf;
    MailCache cache = shelf.open();
    cache.add(1, 0, "one");
    cache.flush();
    shelf.disk.fail_at(shelf.disk.steps() + 1, ENOSPC);
    cache.add(2, 0, "two");
    cache.flush();
    CHECK(shelf.said.size() == 1);
    CHECK(cache.find(1, 0) == "one");
    CHECK(!cache.find(2, 0));
    cache.add(3, 0, "three");
    cache.flush();
    CHECK(shelf.open().find(3, 0) == "three");
}

TEST_CASE("messages that are gone leave the cache when they fill half of it") {
    Shelf shelf;
    MailCache cache = shelf.open();
    store::MessageList living;
    for (std::uint32_t uid = 1; uid <= 3000; ++uid) {
        cache.add(uid, 0, std::string(1000, 'x'));
        if (uid % 4 == 0) living.messages.push_back({1, uid, 0, 0, 0, 0, false});
    }
    cache.compact(living);
    CHECK(shelf.disk.files().at(path).size() < 800'000);
    CHECK(cache.find(4, 0) == std::string(1000, 'x'));
    CHECK(!cache.find(3, 0));
    CHECK(shelf.open().find(3000, 0) == std::string(1000, 'x'));
    cache.add(3001, 0, "more");
    cache.flush();
    CHECK(shelf.open().find(3001, 0) == "more");
    const std::size_t size = shelf.disk.files().at(path).size();
    cache.compact(living);
    CHECK(shelf.disk.files().at(path).size() == size);
}
