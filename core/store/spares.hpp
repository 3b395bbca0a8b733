// Files of the queue that have served and will serve again. A file system like ext4 makes every file
// that is created soon after many deletions several times dearer, and a file that is written over
// where it lies needs neither an inode nor blocks: so the file of a message that has gone is kept as
// "<n>.spare" in queue/, and becomes the next message by a rename.
//
// A spare may be written over only when it is certain that no power cut can bring its former name
// back: after a sync of the directory that began after the rename which made it one. Until then it is
// reserved, then given. Safe from several threads; does nothing on the disk by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::store {

class Spares {
  public:
    // At most so many, none of them of more octets than that.
    static constexpr std::size_t most = 1024;
    static constexpr std::uint64_t largest = 64 << 10;

    // Until then there are none and none is wanted: only one process may take them.
    void open();
    // The name for a file that is to be a spare one; nothing: enough there are.
    std::optional<std::string> reserve();
    // It did not become one.
    void release();
    // It is a spare, and durably so. Of an earlier run's, false where there are enough.
    void give(std::string name);
    bool give_found(std::string_view name);
    // One to be written over, the one that served last.
    std::optional<std::string> take();

    static bool is_spare(std::string_view file);

  private:
    std::mutex mutex_;
    bool open_ = false;
    std::uint64_t next_ = 0;
    std::size_t count_ = 0;  // also those reserved
    std::vector<std::string> names_;
};

}  // namespace mailhandler::store
