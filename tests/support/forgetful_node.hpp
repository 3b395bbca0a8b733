// One file or directory of the disk that forgets. Only for that disk's own sources.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/forgetful_disk.hpp"

namespace mailhandler::test {

struct ForgetfulDisk::Node {
    // What one call did to a directory: names and what they are now (null: gone).
    struct Change {
        std::uint64_t number;
        std::vector<std::pair<std::string, NodePointer>> entries;
    };
    using Entries = std::map<std::string, NodePointer>;

    disk::Kind kind = disk::Kind::file;
    unsigned mode = 0;
    std::uint64_t inode = 0;
    WallTime modified{};
    std::string data, durable;          // of a file
    bool dropped = false;               // a sync failed: what was cached is never written
    Entries entries, durable_entries;   // of a directory
    std::vector<Change> pending;

    static void apply(Entries& to, const Change& change) {
        for (const auto& [name, node] : change.entries) {
            if (node) {
                to[name] = node;
            } else {
                to.erase(name);
            }
        }
    }
};

}  // namespace mailhandler::test
