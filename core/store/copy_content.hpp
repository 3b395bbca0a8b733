// What a copy of a message consists of: a text of its own, what it shares with the other copies, and what
// was too large for memory. Nothing is copied until it is written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

struct CopyContent {
    std::string own;
    std::vector<std::string_view> shared;  // of the message, which outlives the copy
    disk::File* spilled = nullptr;         // then this file, whole, where there is one; outlives it too

    // What is in memory, in order. Views into this object: of use until it is moved or changed.
    std::vector<std::string_view> parts() const;
    // Octets in all. Errors: of the spilled file.
    Result<std::uint64_t> size() const;
    // Behind what `file` holds. Errors: of the disk.
    Result<> write_to(disk::File& file) const;
};

}  // namespace mailhandler::store
