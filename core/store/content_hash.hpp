// The hash of a whole message as its server sent it, by which it is known again. It tells contents
// apart, not friends from enemies: who makes two of their own messages collide harms only their
// own.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mailhandler::store {

class ContentHash {
  public:
    void add(std::string_view octets);
    std::string text() const;  // 32 hexadecimal digits

  private:
    std::array<std::uint64_t, 2> lanes_{0xcbf29ce484222325u, 0x9ae16a3b2f90404fu};
};

// Of several texts: where one ends and the next begins counts too.
std::string hash_of(std::initializer_list<std::string_view> texts);

}  // namespace mailhandler::store
