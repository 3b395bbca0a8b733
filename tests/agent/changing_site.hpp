// A server's files on a disk in memory, changed one by one while its configuration looks at them.
#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/configuration.hpp"
#include "looking_disk.hpp"
#include "mailroom.hpp"
#include "support/forgetful_disk.hpp"

namespace changing {

using namespace mailhandler;
using namespace std::chrono_literals;
using agent::Configuration;
using agent::Snapshot;

inline const std::string server_text =
    "hostname = \"mail.example.com\"\npostmaster = \"root@far.example\"\n";
inline const std::string catch_all = "[default]\naction = \"deliver\"\n";
inline const std::string with_anne = "[mailbox.anne]\n";
inline const std::string broken = "[default\n";

struct Site {
    test::ForgetfulDisk store;
    test::LookingDisk disk{store};
    test::StillClock clock;
    std::string talk;
    Configuration configuration{disk, "/r", clock,
                                Log([this](Severity, std::string_view text) {
                                    talk.append(text).append("\n");
                                })};
    std::optional<Snapshot> now;

    using Files = std::map<std::string, std::string>;  // by domain
    explicit Site(const Files& domains = {{"example.com", catch_all}}) {
        REQUIRE(disk::make_directories(store, "/r/domains"));
        put("mailhandler.toml", server_text);
        for (const auto& [name, text] : domains) put(file(name), text);
    }
    static std::string file(const std::string& domain) { return "domains/" + domain + ".toml"; }
    // By a rename, as editors and our own commands do.
    void put(const std::string& name, const std::string& text) {
        REQUIRE(disk::replace_file(store, "/r/" + name, text, 0640));
    }
    // In place: the same inode.
    void overwrite(const std::string& name, const std::string& text) {
        auto open = store.append("/r/" + name, 0640);
        REQUIRE((*open)->truncate(0));
        REQUIRE((*open)->write(text));
    }
    void remove(const std::string& name) { REQUIRE(store.remove("/r/" + name)); }

    void start() {
        auto started = configuration.start();
        REQUIRE(started);
        now = *started;
    }
    bool refresh(const std::vector<std::string>& names = {}) {
        auto snapshot = configuration.refresh(names);
        if (snapshot) now = std::move(*snapshot);
        return snapshot.has_value();
    }
    // "250", "550" …: what SMTP would say about zzz@DOMAIN.
    int asked(const std::string& domain, const std::string& local = "zzz") const {
        const auto address = *mail::Address::parse(local + "@" + domain);
        const auto found = route::route(now->directory, address, local_date(clock.wall()));
        if (const auto* refused = std::get_if<route::Refuse>(&found.outcome)) return refused->code;
        if (const auto* deferred = std::get_if<route::Defer>(&found.outcome)) return deferred->code;
        return 250;
    }
};

}  // namespace changing
