// A collected message as it comes in, piece by piece: small ones in memory, large ones in a file
// without a name, so that memory stays flat whatever their size. Blocking: for a pool thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/content_hash.hpp"
#include "store/layout.hpp"

namespace mailhandler::agent {

// A whole message. A large one keeps in `head` its header and little more.
struct Gathered {
    std::string head;
    std::unique_ptr<disk::File> spilled;  // what follows, whole; null: nothing does
    std::uint64_t size = 0;               // octets
    std::string hash;                     // store::ContentHash::text()

    std::size_t in_memory() const { return head.size(); }
};

class Gathering {
  public:
    // A message of more than `in_memory` octets is spilled, once its header is there; a header of
    // more than mail::longest_header is spilled too.
    Gathering(disk::Disk& disk, const store::Layout& layout, std::size_t in_memory = 256 * 1024)
        : disk_(disk), layout_(layout), in_memory_(in_memory) {}

    // Errors: of the disk, temporary; the message is then to be dropped.
    Result<> add(std::string octets);
    // Forgets what was gathered.
    void drop();
    // The message, complete. The next one may be gathered.
    Gathered take();

  private:
    Result<> spill();

    disk::Disk& disk_;
    const store::Layout& layout_;
    const std::size_t in_memory_;
    Gathered message_;
    store::ContentHash hash_;
};

}  // namespace mailhandler::agent
