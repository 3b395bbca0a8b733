// Reading a directory of the machine's own disk. Only for this room.
#pragma once

#include <string>

#include "base/result.hpp"
#include "disk/names.hpp"

namespace mailhandler::disk {

// By getdents64(2), into the memory the names then stay in: nothing is done for each entry but to
// note where it lies.
Result<Names> read_names(const std::string& path);

}  // namespace mailhandler::disk
