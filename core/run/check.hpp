// What is wrong with a root beside its TOML: certificates, permissions, listeners.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/load.hpp"
#include "disk/interface.hpp"

namespace mailhandler::run {

// The certificate and key of [tls]: there, readable, belonging together, valid today, naming the
// host; the key readable by nobody else.
std::vector<config::Problem> check_tls(disk::Disk& disk, const std::string& root,
                                       const config::Server& server, WallTime now);

// Domain and fetch files hold secrets: 0640 or stricter. `files` are relative to the root.
std::vector<config::Problem> check_permissions(disk::Disk& disk, const std::string& root,
                                               const std::vector<std::string>& files);

// TLS listeners without a certificate; no listener at all.
std::vector<config::Problem> check_listeners(const config::Server& server);

}  // namespace mailhandler::run
