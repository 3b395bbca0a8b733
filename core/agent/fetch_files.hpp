// fetch/*.toml in a running server. A file that cannot be loaded keeps its last version in force;
// one that vanishes is collected no more, at once: nothing is lost by it.
//
// Blocking; belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "config/load.hpp"
#include "disk/interface.hpp"

namespace mailhandler::agent {

class FetchFiles {
  public:
    using List = std::vector<std::shared_ptr<const config::Fetch>>;

    FetchFiles(disk::Disk& disk, std::string root, Log log)
        : disk_(disk), root_(std::move(root)), log_(std::move(log)) {}

    // Looks at every file whose size, time or inode changed. Nothing when all stays as it is.
    std::optional<List> refresh();

  private:
    struct File {
        std::uint64_t size = 0, inode = 0;
        WallTime modified{};
        std::shared_ptr<const config::Fetch> fetch;  // null: it was never right
    };
    bool load(const std::string& name, File& file);

    disk::Disk& disk_;
    std::string root_;
    Log log_;
    std::map<std::string, File> files_;
};

}  // namespace mailhandler::agent
