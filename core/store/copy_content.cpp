#include "store/copy_content.hpp"

namespace mailhandler::store {

std::vector<std::string_view> CopyContent::parts() const {
    std::vector<std::string_view> parts;
    parts.reserve(1 + shared.size());
    parts.emplace_back(own);
    parts.insert(parts.end(), shared.begin(), shared.end());
    return parts;
}

Result<std::uint64_t> CopyContent::size() const {
    Result<std::uint64_t> size = spilled ? spilled->size() : std::uint64_t(0);
    if (!size) return size;
    *size += own.size();
    for (const std::string_view part : shared) *size += part.size();
    return size;
}

Result<> CopyContent::write_to(disk::File& file) const {
    if (auto done = file.write(parts()); !done || !spilled) return done;
    const auto size = spilled->size();
    if (!size) return tl::unexpected(size.error());
    auto appended = file.append_from(*spilled, 0, *size);
    if (!appended) return tl::unexpected(appended.error());
    return {};
}

}  // namespace mailhandler::store
