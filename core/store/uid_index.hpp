// Which UID each message of a list has, by its base name: a hash table of 16 octets an entry. Two names
// are taken for one where 64 bits of their hashes agree.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "store/message_list.hpp"

namespace mailhandler::store {

class UidIndex {
  public:
    static std::uint64_t hash_of(std::string_view base);

    Uid find(std::string_view base) const { return count_ == 0 ? 0 : find(hash_of(base)); }
    Uid find(std::uint64_t hash) const;  // 0: none
    void enter(std::uint64_t hash, Uid uid);
    void reserve(std::size_t count);
    void clear();
    std::size_t count() const { return count_; }

  private:
    struct Slot {
        std::uint64_t hash = 0;
        Uid uid = 0;  // 0: free
    };
    std::size_t place(std::uint64_t hash) const;  // of this hash, or where it would be
    void resize(std::size_t slots);

    std::vector<Slot> slots_;  // a power of two, at most three quarters full
    std::size_t count_ = 0;
};

}  // namespace mailhandler::store
