// A stored message as it goes over the wire: its content as a wire::Body, the octets that TOP
// wants, and its size with CRLF line ends. All of it blocks: for a pool thread.
//
// What we store is in wire form (CRLF). Files that other programs wrote may end their lines in bare
// LF; every encoder of ours makes CRLF of them on the way, so that only the size needs care.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "wire/action.hpp"

namespace mailhandler::agent {

// The content of `path`: read whole at once when it is at most `in_memory` octets, else read from
// the file while it is sent. Errors: as of the disk; ENOENT where it has moved on.
Result<std::shared_ptr<wire::Body>> open_message(disk::Disk& disk, const std::string& path,
                                                 std::uint64_t in_memory = 64 * 1024);

// Octets that are in memory.
std::shared_ptr<wire::Body> text_body(std::string text);

// `size` octets of an open file from `begin`, read while they are sent.
std::shared_ptr<wire::Body> file_body(std::unique_ptr<disk::File> file, std::uint64_t size,
                                      std::uint64_t begin = 0);

// The same, but read at once when they are at most `in_memory`. Errors: as of the disk, or the file
// has fewer.
Result<std::shared_ptr<wire::Body>> part_of_file(std::unique_ptr<disk::File> file,
                                                 std::uint64_t begin, std::uint64_t size,
                                                 std::uint64_t in_memory = 64 * 1024);

// How many octets of `body`, as it is stored, make its header, the empty line and `lines` lines
// behind it (RFC 1939 section 7, TOP). Reads no further than that, one block at a time.
Result<std::uint64_t> top_of(wire::Body& body, std::uint64_t lines);

// The size with CRLF line ends. A first block whose lines end in CRLF answers for the file; one
// with a bare LF has the file read to its end.
Result<std::uint64_t> wire_size(disk::Disk& disk, const std::string& path);

}  // namespace mailhandler::agent
