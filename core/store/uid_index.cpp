#include "store/uid_index.hpp"

#include <algorithm>
#include <cstring>

namespace mailhandler::store {

// Eight octets at a time: asked for every name of a mailbox. The finaliser is MurmurHash3's.
std::uint64_t UidIndex::hash_of(std::string_view base) {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
    std::uint64_t hash = base.size() * odd;
    while (!base.empty()) {
        std::uint64_t piece = 0;
        const std::size_t size = std::min(base.size(), sizeof piece);
        std::memcpy(&piece, base.data(), size);
        hash = (hash ^ piece) * odd;
        hash ^= hash >> 29;
        base.remove_prefix(size);
    }
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ hash >> 33;
}

std::size_t UidIndex::place(std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].uid != 0 && slots_[at].hash != hash) at = (at + 1) & mask;
    return at;
}

Uid UidIndex::find(std::uint64_t hash) const {
    return slots_.empty() ? 0 : slots_[place(hash)].uid;
}

void UidIndex::enter(std::uint64_t hash, Uid uid) {
    reserve(count_ + 1);
    Slot& slot = slots_[place(hash)];
    if (slot.uid == 0) ++count_;
    slot = {hash, uid};
}

void UidIndex::reserve(std::size_t count) {
    std::size_t slots = std::max<std::size_t>(16, slots_.size());
    while (count * 4 > slots * 3) slots *= 2;
    if (slots != slots_.size()) resize(slots);
}

void UidIndex::resize(std::size_t slots) {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(slots, Slot{});
    for (const Slot& slot : old)
        if (slot.uid != 0) slots_[place(slot.hash)] = slot;
}

void UidIndex::clear() {
    slots_.clear();
    count_ = 0;
}

}  // namespace mailhandler::store
