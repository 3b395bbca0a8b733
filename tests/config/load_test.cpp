#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <stdlib.h>

#include <chrono>
#include <iostream>

#include "config/load.hpp"

using namespace mailhandler;
using namespace mailhandler::config;

namespace {

const char* const hash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";

// A root of its own, gone afterwards.
struct Root {
    std::unique_ptr<disk::Disk> disk = disk::system_disk();
    std::string path;

    Root() {
        char name[] = "/tmp/mailhandler-config-XXXXXX";
        path = mkdtemp(name);
        REQUIRE(disk::make_directories(*disk, path + "/domains"));
        REQUIRE(disk::make_directories(*disk, path + "/fetch"));
    }
    ~Root() { (void)disk::remove_tree(*disk, path); }

    void write(const std::string& file, std::string_view text) {
        const auto made = disk->create(path + '/' + file, 0640);
        REQUIRE(made);
        REQUIRE((*made)->write(text));
    }
    LoadedDirectory load(const std::vector<std::string>* only = nullptr) {
        return load_directory(*disk, path, Server{}, only);
    }
};

double milliseconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
}

}  // namespace

TEST_CASE("A directory has every domain, and a broken one as unavailable") {
    Root root;
    root.write("domains/example.com.toml", "[mailbox.anne]\n");
    root.write("domains/broken.example.toml", "[mailbox\n");
    root.write("domains/Upper.example.toml", "");
    root.write("domains/not a name.toml", "");
    root.write("domains/.hidden.toml", "[");
    root.write("domains/example.com.toml~", "[");
    const auto loaded = root.load();
    CHECK(loaded.directory.domains().size() == 2);
    CHECK(loaded.directory.find("example.com")->mailbox("anne"));
    const auto broken = loaded.directory.find("broken.example");
    REQUIRE(broken);
    CHECK(broken->unavailable);
    CHECK(broken->why_unavailable.rfind("domains/broken.example.toml:1:", 0) == 0);
    REQUIRE(loaded.problems.size() == 3);
    CHECK(loaded.problems[0].show() == "domains/Upper.example.toml: error: the file must be called "
                                       "upper.example.toml (A-labels, lower case)");
    CHECK(loaded.problems[1].file == "domains/not a name.toml");
    CHECK(loaded.problems[2].file == "domains/broken.example.toml");
}

TEST_CASE("Only the domains that can speak for a name are loaded when asked so") {
    Root root;
    root.write("domains/example.com.toml", "[default]\nsubdomains = true\n");
    root.write("domains/a.example.com.toml", "[alias]\nx = [\"y@other.example\"]\n");
    root.write("domains/other.example.toml", "[default]\naction = \"forward\"\n"
                                             "forward = [\"z@third.example\"]\n");
    root.write("domains/third.example.toml", "");
    root.write("domains/stranger.example.toml", "");
    const std::vector<std::string> only{"b.a.example.com", "../../etc/passwd", "[1.2.3.4]", ""};
    const auto loaded = root.load(&only);
    CHECK(loaded.problems.empty());
    std::vector<std::string> names;
    for (const auto& [name, domain] : loaded.directory.domains()) names.push_back(name);
    CHECK(names == std::vector<std::string>{"a.example.com", "example.com", "other.example",
                                            "third.example"});
}

TEST_CASE("A root without files is told so") {
    Root root;
    const auto server = load_server(*root.disk, root.path);
    CHECK_FALSE(server.ok());
    REQUIRE(server.problems.size() == 1);
    CHECK(server.problems[0].show() == "mailhandler.toml: error: there is no such file; "
                                       "`mailhandler --root " + root.path + " init` makes one");
    CHECK(load_domain(*root.disk, root.path, "x.example").problems[0].show() ==
          "domains/x.example.toml: error: there is no such file");
    CHECK_FALSE(load_fetch(*root.disk, root.path, "../mailhandler").ok());
    root.write("mailhandler.toml", "[paths]\nstate = \"var\"\n");
    const auto found = load_server(*root.disk, root.path);
    REQUIRE(found.ok());
    CHECK_FALSE(found.value->hostname.empty());
    CHECK(found.value->state == root.path + "/var");
}

TEST_CASE("Ten thousand domains and a hundred thousand addresses load within a second each",
          "[.bench]") {
    Root root;
    for (int i = 0; i < 10'000; ++i)
        root.write(fmt::format("domains/d{}.example.toml", i),
                   fmt::format("[default]\naction = \"deliver\"\npassword = \"{0}\"\n\n"
                               "[mailbox.anne]\npassword = \"{0}\"\nquota = \"2 GiB\"\n\n"
                               "[alias]\ninfo = [\"anne\"]\n\n[bouncer.john]\ntext = \"left\"\n",
                               hash));
    std::size_t count = 0;
    const double small = milliseconds_of([&] { count = root.load().directory.domains().size(); });
    CHECK(count == 10'000);

    std::string text;
    for (int i = 0; i < 50'000; ++i)
        text += fmt::format("[mailbox.user{}]\npassword = \"{}\"\nquota = \"2 GiB\"\n\n", i, hash);
    text += "[alias]\n";
    for (int i = 0; i < 30'000; ++i) text += fmt::format("list{0} = [\"user{0}\", \"x@y.example\"]\n", i);
    for (int i = 0; i < 20'000; ++i)
        text += fmt::format("[bouncer.gone{}]\ntext = \"gone\"\nuntil = 2027-05-01\n", i);
    const double large = milliseconds_of([&] {
        const auto loaded = parse_domain(text, "f", "example.com");
        REQUIRE(loaded.ok());
        CHECK(loaded.value->aliases.size() == 30'000);
    });
    std::cout << fmt::format("10,000 domain files: {:.0f} ms, a file of 100,000 addresses ({} MB): "
                             "{:.0f} ms\n",
                             small, text.size() >> 20, large);
}
