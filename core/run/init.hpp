// A new root: its files with comments that explain them, and a certificate to begin with.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::run {

struct InitOptions {
    std::string root;
    std::string hostname;     // canonical
    bool own_ports = false;   // the ports of the RFCs on every address, for root; else high
                              // ports on loopback
};

// mailhandler.toml as init writes it.
std::string server_text(const InitOptions& options);

// Makes what is missing: the root, its directories, mailhandler.toml, the certificate's pair. What
// is there already is left alone, so that an interrupted init can be run again. Returns the paths
// that were made, relative to the root.
Result<std::vector<std::string>> init(disk::Disk& disk, const InitOptions& options, WallTime now);

}  // namespace mailhandler::run
