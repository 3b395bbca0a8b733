// A message's octets in memory, for those who answer sessions in tests.
#pragma once

#include <string>
#include <utility>

#include "wire/action.hpp"

namespace mailhandler::test {

class MemoryBody final : public wire::Body {
  public:
    explicit MemoryBody(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        return text_.copy(into, size, offset);
    }

  private:
    std::string text_;
};

}  // namespace mailhandler::test
