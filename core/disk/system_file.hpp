// An open file of the machine's own disk. Only for this room.
#pragma once

#include <memory>
#include <string>

#include "disk/descriptor.hpp"
#include "disk/interface.hpp"

namespace mailhandler::disk {

class SystemFile final : public File {
  public:
    // `path` is only for messages.
    SystemFile(Descriptor descriptor, std::string path);

    using File::write;
    Result<> write(std::span<const std::string_view> parts) override;
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override;
    Result<> append_from(File& source, std::uint64_t offset, std::uint64_t length) override;
    void start_sync() override;
    Result<> sync() override;
    Result<> truncate(std::uint64_t size) override;
    Result<std::uint64_t> size() override;
    Result<> set_owner(unsigned user, unsigned group) override;
    Result<> set_mode(unsigned mode) override;
    Result<> set_modified(WallTime when) override;

    int number() const { return descriptor_.number(); }
    // Nothing of what was appended is still on its way to the disk, and nothing was lost there.
    bool written();

  private:
    Result<> copy(File& source, std::uint64_t offset, std::uint64_t length);
    tl::unexpected<Fault> fault(std::string_view doing, int error) const;

    Descriptor descriptor_;
    std::string path_;
    int given_up_ = 0;  // errno of the sync that failed
};

}  // namespace mailhandler::disk
