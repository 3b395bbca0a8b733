// What a change among ten thousand domains costs; on a real disk when
// build/tests/test_agent "[bench]" asks for it.
#include <catch2/catch.hpp>
#include <chrono>

#include "changing_site.hpp"
#include "support/temporary_directory.hpp"

using namespace changing;

TEST_CASE("One edit among ten thousand domains reads one file") {
    std::map<std::string, std::string> domains;
    for (int i = 0; i < 10'000; ++i) domains["d" + std::to_string(i) + ".example"] = catch_all;
    Site site(domains);
    site.start();
    site.put("domains/d5000.example.toml", with_anne);
    site.disk.looks = site.disk.opened = 0;
    const auto begin = std::chrono::steady_clock::now();
    CHECK(site.refresh({"domains/d5000.example.toml"}));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    CHECK(site.disk.opened <= 2);
    CHECK(site.disk.looks <= 5);
    CHECK(site.asked("d5000.example") == 550);
    CHECK(took < 250ms);
    site.disk.opened = 0;
    CHECK_FALSE(site.refresh());
    CHECK(site.disk.opened == 0);
}

TEST_CASE("What a change among ten thousand domains costs on a real disk", "[.bench]") {
    const auto disk = disk::system_disk();
    const test::TemporaryDirectory root;
    const auto write = [&](const std::string& name, const std::string& text) {
        auto file = disk->create(root / name, 0640);
        if (!file || !(*file)->write(text)) std::abort();
    };
    REQUIRE(disk->make_directory(root / "domains"));
    write("mailhandler.toml", server_text);
    for (int i = 0; i < 10'000; ++i)
        write("domains/d" + std::to_string(i) + ".example.toml", catch_all + with_anne);
    const SystemClock clock;
    Configuration configuration(*disk, root.path(), clock, Log());
    const auto timed = [](const char* what, auto&& action) {
        const auto begin = std::chrono::steady_clock::now();
        action();
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - begin;
        WARN(what << ": " << took.count() << " ms");
    };
    timed("start", [&] { REQUIRE(configuration.start()); });
    timed("one file", [&] { CHECK(configuration.refresh({"domains/d5000.example.toml"})); });
    timed("a look at all", [&] { CHECK_FALSE(configuration.refresh({})); });
    for (int i = 0; i < 10'000; ++i) {
        const std::string path = root / ("domains/d" + std::to_string(i) + ".example.toml");
        REQUIRE((*disk->append(path))->write("[mailbox.bob]\n"));
    }
    timed("all changed", [&] { CHECK(configuration.refresh({})); });
}
