#include "pop3/maildrop.hpp"

#include <algorithm>
#include <stdexcept>

namespace mailhandler::pop3 {

bool Maildrop::valid_uidl(std::string_view uidl) {
    return !uidl.empty() && uidl.size() <= 70 &&
           std::all_of(uidl.begin(), uidl.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
}

void Maildrop::reserve(std::size_t messages, std::size_t uidl_octets) {
    uidls_.reserve(uidl_octets);
    ends_.reserve(messages);
    sizes_.reserve(messages);
}

void Maildrop::add(std::string_view uidl, std::uint64_t octets) {
    if (!valid_uidl(uidl)) throw std::invalid_argument("Maildrop::add: not a UIDL");
    uidls_ += uidl;
    ends_.push_back(static_cast<std::uint32_t>(uidls_.size()));
    sizes_.push_back(octets);
    total_ += octets;
}

std::string_view Maildrop::uidl(std::size_t index) const {
    const std::uint32_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(uidls_).substr(begin, ends_[index] - begin);
}

}  // namespace mailhandler::pop3
