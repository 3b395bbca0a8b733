// Syncing many files at once by syncfs(2). Only for this room.
#pragma once

#include <span>
#include <string>

#include "disk/interface.hpp"

namespace mailhandler::disk {

// Writes the file systems of `files` and `directories` to their disks. False where that is not
// certain to make each of them durable: they are few, the file system is none of those whose
// syncfs(2) is known to carry everything (a FUSE server is not even told), the kernel refuses, or
// something of them was not written. The caller then syncs each by itself, and learns why.
bool sync_whole(std::span<File* const> files, std::span<const std::string> directories);

}  // namespace mailhandler::disk
