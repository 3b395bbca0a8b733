// Reading on until there is enough: a read may return less than was asked for.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace mailhandler::disk {

// Reads from `offset` until `into` is full or the source ends. Returns how many octets that were.
// `source`: a File, or whatever else has its read_at().
template <class Source>
Result<std::size_t> read_fully(Source& source, std::uint64_t offset, std::span<char> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto got = source.read_at(offset + done, into.data() + done, into.size() - done);
        if (!got) return tl::unexpected(got.error());
        if (*got == 0) break;
        done += *got;
    }
    return done;
}

}  // namespace mailhandler::disk
