// The configuration in force in a running server.
//
// The rules of what a changed file means live here, apart from who noticed the change (run/serve
// watches the directories): a file that cannot be loaded keeps its last version in force; one that
// could not be loaded at start makes its domain unavailable; a file that vanishes counts as removed
// five seconds later (an editor or a deployment may be replacing it), or at once when remove-domain
// left its mark.
//
// Blocking; belongs to one thread. What it hands out are immutable snapshots.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "config/load.hpp"
#include "disk/interface.hpp"
#include "route/directory.hpp"

namespace mailhandler::agent {

struct Snapshot {
    std::shared_ptr<const config::Server> server;
    route::Directory directory;
};

// Beside a removed domain's file: it did not merely vanish. `add-domain` takes it away again.
std::string removal_mark(const std::string& root, const std::string& domain);

class Configuration {
  public:
    Configuration(disk::Disk& disk, std::string root, const Clock& clock, Log log);

    // Loads everything. Errors: permanent, when mailhandler.toml itself cannot be loaded.
    Result<Snapshot> start();

    // Looks at the named files again (relative to the root: "mailhandler.toml",
    // "domains/example.com.toml"), or at every file whose size, time or inode changed when `names` is
    // empty. Nothing when all stays as it is.
    std::optional<Snapshot> refresh(const std::vector<std::string>& names);

    // When refresh({}) is to be called although nothing was noticed: a vanished file's time is up.
    std::optional<Instant> next_look() const;

  private:
    struct Seen {  // what tells one version of a file from the next
        std::uint64_t size = 0, inode = 0;
        WallTime modified{};
        bool operator==(const Seen&) const = default;
    };

    struct Look {
        std::optional<Seen> seen;
        bool unknown = false;  // the disk would not say whether there is a file
    };

    Look look(const std::string& name);
    bool refresh_server();
    bool refresh_domain(const std::string& domain);
    bool gone(const std::string& domain);
    bool forget_domain(const std::string& domain);
    bool forget_vanished();
    std::shared_ptr<const route::Domain> find(const std::string& domain) const;
    void put(const std::string& domain, std::shared_ptr<const route::Domain> value);
    std::vector<std::string> changed_files();
    void take_up(const std::vector<config::Problem>& problems);

    disk::Disk& disk_;
    std::string root_;
    const Clock& clock_;
    Log log_;
    Snapshot snapshot_;
    std::optional<route::Directory::Domains> fresh_;  // what a refresh under way has changed
    std::map<std::string, Seen, std::less<>> seen_;         // by name relative to the root
    std::map<std::string, Instant, std::less<>> vanished_;  // domain → when it counts as removed
};

}  // namespace mailhandler::agent
