#include "disk/names.hpp"

#include <algorithm>

namespace mailhandler::disk {

void Names::add_copy(std::string_view name, Kind kind) {
    std::unique_ptr<char[]> copy(new char[name.size()]);
    std::copy(name.begin(), name.end(), copy.get());
    add({copy.get(), static_cast<std::uint16_t>(name.size()), kind});
    keep(std::move(copy), name.size());
}

}  // namespace mailhandler::disk
