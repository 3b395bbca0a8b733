#include "agent/gathering.hpp"

#include <utility>

#include "mail/header.hpp"
#include "mail/stamp.hpp"
#include "store/leftovers.hpp"

namespace mailhandler::agent {

Result<> Gathering::add(std::string octets) {
    hash_.add(octets);
    message_.size += octets.size();
    if (message_.spilled) return message_.spilled->write(octets);
    if (message_.head.empty())
        message_.head = std::move(octets);
    else
        message_.head += octets;
    if (message_.head.size() <= in_memory_) return {};
    return spill();
}

// The header stays in memory: it is read, and written anew for each recipient.
Result<> Gathering::spill() {
    mail::HeaderScan scan(message_.head);
    while (scan.next()) {
    }
    if (!scan.complete() && message_.head.size() <= mail::longest_header) return {};
    auto file = store::open_spill(disk_, layout_);
    if (!file) return tl::unexpected(file.error());
    const std::size_t kept = scan.complete() ? scan.position() : mail::longest_header;
    if (auto wrote = (*file)->write(std::string_view(message_.head).substr(kept)); !wrote)
        return wrote;
    message_.head.resize(kept);
    message_.head.shrink_to_fit();
    message_.spilled = std::move(*file);
    return {};
}

void Gathering::drop() {
    message_ = {};
    hash_ = {};
}

Gathered Gathering::take() {
    message_.hash = hash_.text();
    Gathered whole = std::exchange(message_, {});
    hash_ = {};
    return whole;
}

}  // namespace mailhandler::agent
