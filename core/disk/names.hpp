// The entries of one directory, as many as there are: 100,000 names cost a few blocks, not 100,000
// strings. A value that is moved, never copied; what it gives lies in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace mailhandler::disk {

enum class Kind : std::uint8_t { file, directory, other };

class Names {
  public:
    // 16 octets: a large directory is sorted by moving these.
    class Name {
      public:
        Name(const char* text, std::uint16_t size, Kind kind)
            : text_(text), size_(size), kind_(kind) {}
        std::string_view text() const { return {text_, size_}; }  // 255 octets at most
        Kind kind() const { return kind_; }                       // of a link: other

      private:
        const char* text_;
        std::uint16_t size_;
        Kind kind_;
    };

    Names() = default;
    Names(Names&&) = default;
    Names& operator=(Names&&) = default;
    Names(const Names&) = delete;
    Names& operator=(const Names&) = delete;

    auto begin() const { return names_.begin(); }
    auto end() const { return names_.end(); }
    std::size_t size() const { return names_.size(); }
    bool empty() const { return names_.empty(); }
    std::size_t memory() const {  // octets, about
        return blocks_size_ + names_.capacity() * sizeof(Name);
    }

    // For those who fill it: names lie in blocks, which are kept as long as this.
    void keep(std::unique_ptr<char[]> block, std::size_t size) {
        blocks_.push_back(std::move(block));
        blocks_size_ += size;
    }
    void add(Name name) { names_.push_back(name); }
    void add_copy(std::string_view name, Kind kind);  // in a block of its own
    void shrink() { names_.shrink_to_fit(); }         // when all are there

  private:
    std::vector<Name> names_;
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::size_t blocks_size_ = 0;
};

}  // namespace mailhandler::disk
