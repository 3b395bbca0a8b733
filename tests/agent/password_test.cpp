#include "agent/password.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "support/cpu_time.hpp"

using namespace mailhandler;
using agent::hash_password;
using agent::verify_password;

TEST_CASE("a password is verified against the hash made of it and against no other") {
    SystemRandom random;
    const auto hash = hash_password("pässword 1", random);
    REQUIRE(hash);
    CHECK(hash->starts_with("$y$"));
    CHECK(verify_password(*hash, "pässword 1"));
    CHECK_FALSE(verify_password(*hash, "pässword 2"));
    CHECK_FALSE(verify_password(*hash, ""));
    CHECK_FALSE(verify_password(*hash, std::string("pässword 1\0x", 13)));
    CHECK(*hash_password("pässword 1", random) != *hash);
}

TEST_CASE("hashes of other crypt methods are understood") {
    CHECK(verify_password(
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!"));
}

TEST_CASE("an empty, malformed or locked hash is never right") {
    for (const char* hash : {"", "!", "*", "*0", "x", "$y$", "$y$j9T$", "$9$a$b", "plain"}) {
        INFO(hash);
        CHECK_FALSE(verify_password(hash, "plain"));
        CHECK_FALSE(verify_password(hash, ""));
    }
}

TEST_CASE("passwords that crypt would not see whole are refused") {
    SystemRandom random;
    CHECK_FALSE(hash_password("", random));
    CHECK_FALSE(hash_password(std::string("a\0b", 3), random));
    CHECK_FALSE(hash_password(std::string(512, 'a'), random));
    const auto longest = hash_password(std::string(511, 'a'), random);
    REQUIRE(longest);
    CHECK(verify_password(*longest, std::string(511, 'a')));
    CHECK_FALSE(verify_password(*longest, std::string(512, 'a')));
}

TEST_CASE("a user who does not exist costs as much time as one who does") {
    SystemRandom random;
    const auto hash = hash_password("right", random);
    REQUIRE(hash);
    const auto time = [](const std::string& against) {
        return test::cpu_time([&] { CHECK_FALSE(verify_password(against, "wrong")); });
    };
    const auto known = time(*hash);
    for (const char* unknown : {"", "!", "$y$broken"}) {
        INFO(unknown);
        CHECK(time(unknown) > known / 3);
        CHECK(time(unknown) < known * 3);
    }
}
