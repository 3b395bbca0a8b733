#include "net/watch_files.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "net/signals.hpp"

using namespace mailhandler;
using namespace std::chrono_literals;
using Paths = std::vector<std::string>;

namespace {

struct Watched {
    Watched() {
        char name[] = "/tmp/net_watch_XXXXXX";
        root = ::mkdtemp(name);
    }
    ~Watched() { std::filesystem::remove_all(root); }

    void watch(Paths directories) {
        for (std::string& directory : directories) directory = root + "/" + directory;
        watch_ = net::WatchFiles::open(loop, directories, [this](const Paths& paths) {
                     calls.push_back(paths);
                     for (std::string& path : calls.back()) path.erase(0, root.size() + 1);
                 }).value();
    }
    void write(const std::string& name) const { std::ofstream(root + "/" + name) << "x"; }
    void pass(std::chrono::milliseconds time) {
        loop.context().restart();
        loop.context().run_for(time);
    }
    // Until one more call has come, at most ten seconds.
    void pass_call() {
        const std::size_t before = calls.size();
        for (int i = 0; i < 1000 && calls.size() == before; ++i) pass(10ms);
    }

    std::string root;
    net::Loop loop;
    std::vector<Paths> calls;

  private:
    std::unique_ptr<net::WatchFiles> watch_;
};

}  // namespace

TEST_CASE("Changed files are told once, together") {
    Watched place;
    std::filesystem::create_directory(place.root + "/a");
    place.watch({"a"});
    place.write("a/one");
    place.write("a/two");
    std::filesystem::rename(place.root + "/a/two", place.root + "/a/three");
    place.pass_call();
    CHECK(place.calls == std::vector<Paths>{{"a/one", "a/three", "a/two"}});
    place.calls.clear();
    std::filesystem::remove(place.root + "/a/one");
    place.pass_call();
    CHECK(place.calls == std::vector<Paths>{{"a/one"}});
    place.calls.clear();
    place.pass(100ms);
    CHECK(place.calls.empty());
}

TEST_CASE("A directory that appears later is watched, and so is one that comes back") {
    Watched place;
    place.watch({"late"});
    place.pass(20ms);
    std::filesystem::create_directory(place.root + "/late");
    place.write("late/first");
    place.pass_call();
    REQUIRE(place.calls == std::vector<Paths>{{"late/first"}});
    place.write("late/second");
    place.pass_call();
    REQUIRE(place.calls.size() == 2);
    CHECK(place.calls[1] == Paths{"late/second"});
    std::filesystem::remove_all(place.root + "/late");
    place.pass(150ms);
    std::filesystem::create_directory(place.root + "/late");
    place.pass(700ms);
    place.calls.clear();
    place.write("late/third");
    place.pass_call();
    CHECK(place.calls == std::vector<Paths>{{"late/third"}});
}

TEST_CASE("Signals arrive on the loop") {
    net::Loop loop;
    std::vector<int> caught;
    const net::Signals signals(loop, [&](int signal) { caught.push_back(signal); });
    std::raise(SIGHUP);
    std::raise(SIGTERM);
    for (int i = 0; i < 100 && caught.size() < 2; ++i) {
        loop.context().restart();
        loop.context().run_for(10ms);
    }
    CHECK(caught == std::vector<int>{SIGHUP, SIGTERM});
}
