// The secret of a remote account, from where its configuration says. Blocking: for a pool thread.
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "config/load.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"

namespace mailhandler::run {

// The first line of password_file (relative to the root), or of what password_command or
// token_command prints. Errors: permanent for an empty secret or a missing file; temporary for a
// command that fails or does not end.
Result<std::string> read_secret(disk::Disk& disk, const store::Layout& layout,
                                const config::Fetch& fetch);

// What `command` prints, run by /bin/sh in `directory`, without input. After `limit` it is killed
// with all that it started. Errors: temporary, with its status.
Result<std::string> run_command(const std::string& command, const std::string& directory,
                                std::chrono::seconds limit);

}  // namespace mailhandler::run
