// `mailhandler serve`: everything a root asks for, in the foreground.
//
// One network thread runs every connection; pools do what blocks; one more thread watches the
// configuration. SIGTERM and SIGINT drain: no new connections, transactions under way are finished,
// idle ones are told 421; a second signal, or 30 seconds, ends what is left. SIGHUP looks at every
// configuration file again (inotify does so by itself).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::run {

struct ServeOptions {
    std::string root;
    Log log;
    // Called on the network thread once every listener is open, with what they listen on
    // ("smtp 127.0.0.1:2525").
    std::function<void(const std::vector<std::string>&)> ready;
};

// Returns when the server has stopped. Errors: permanent for a configuration that cannot be loaded
// or an address that cannot be listened on for good; temporary where another serve holds the root, or
// a port is in use.
Result<> serve(disk::Disk& disk, const Clock& clock, const ServeOptions& options);

}  // namespace mailhandler::run
