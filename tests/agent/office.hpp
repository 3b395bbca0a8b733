// An office for tests: domains and a fetch file as text, a disk in memory, and what a message
// collected there leaves on it.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/sorting.hpp"
#include "support/forgetful_disk.hpp"

namespace office {

using namespace mailhandler;
using namespace std::chrono_literals;

constexpr Date today = 2026y / 11 / 23;

class StillClock final : public Clock {
  public:
    Instant now() const override { return Instant(); }
    WallTime wall() const override { return wall_; }
    void set(WallTime wall) { wall_ = wall; }

  private:
    WallTime wall_ = WallTime(1795411214s);
};

inline std::shared_ptr<const route::Domain> domain(const std::string& name,
                                                   const std::string& text) {
    auto loaded = config::parse_domain(text, "domains/" + name + ".toml", name);
    if (!loaded.ok()) throw std::runtime_error(loaded.problems.front().show());
    return std::make_shared<route::Domain>(std::move(*loaded.value));
}

inline config::Fetch fetch(const std::string& more = {}) {
    auto loaded = config::parse_fetch(
        "server = \"pop3://127.0.0.1\"\nlogin = \"example.com\"\npassword_file = \"p\"\n"
        "tls = \"none\"\ndomain = \"example.com\"\n" + more,
        "fetch/office.toml", "office");
    if (!loaded.ok()) throw std::runtime_error(loaded.problems.front().show());
    return std::move(*loaded.value);
}

inline route::Directory directory(const std::string& more = {}) {
    route::Directory::Domains domains;
    domains["example.com"] = domain("example.com",
        "[default]\naction = \"reject\"\ntext = \"No such person\"\nelsewhere = [\"carol\"]\n"
        "[mailbox.anne]\n[mailbox.bob]\n[mailbox.boss]\n"
        "[alias]\npostmaster = [\"boss\"]\ninfo = [\"anne\", \"friend@far.example\"]\n"
        "[bouncer.john]\ntext = \"John has left\"\n" + more);
    domains["example.net"] = domain("example.net", "[default]\naction = \"deliver\"\n");
    domains["one.example"] =
        domain("one.example", "[default]\naction = \"deliver\"\ncopies = \"one\"\n");
    auto broken = std::make_shared<route::Domain>();
    broken->name = "broken.example";
    broken->unavailable = true;
    domains["broken.example"] = broken;
    return route::Directory(std::move(domains), {}, 0, "mail.example.com");
}

// Everything Sorter needs, and the whole way to the disk.
struct Office {
    config::Fetch settings = fetch();
    route::Directory domains = directory();
    store::Layout layout{"/root"};
    StillClock clock;
    store::UniqueNames names{clock, "office", 42};
    test::ForgetfulDisk disk;
    agent::Sorter::World world{settings, domains, today, layout, clock, names, {}, {}};

    agent::Sorted sort(const std::string& message) {
        return agent::Sorter(world).sort({message, {}, nullptr}).value();
    }

    // As fetch does: sorted, staged, durable. The files below /root by their directories.
    std::map<std::string, std::vector<std::string>> collect(const std::string& message) {
        auto sorted = sort(message);
        if (!sorted.stays.empty()) throw std::runtime_error(sorted.stays);
        auto ledger = store::Ledger::open(disk, layout, {"mail.example", "example.com"}).value();
        if (!ledger.recover()) throw std::runtime_error("recover");
        const auto done = ledger.deliver(
            {{{"", 0, std::to_string(++uid)}, message.size(), "hash", std::move(sorted.copies)}});
        if (!done) throw std::runtime_error(done.error().text());
        disk.crash();
        std::map<std::string, std::vector<std::string>> found;
        for (const auto& [path, content] : disk.files()) {
            const std::string in = disk::parent_path(path).substr(5);
            // A name in .stage/ may outlive a power cut beside the one in new/.
            if (!in.starts_with("/state") && !in.ends_with("/.stage"))
                found[in].push_back(content);
        }
        return found;
    }
    int uid = 0;
};

}  // namespace office
