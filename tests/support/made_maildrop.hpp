// A maildrop that a test makes up.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pop3/maildrop.hpp"

namespace mailhandler::test {

class MadeMaildrop final : public pop3::Maildrop {
  public:
    void add(std::string uidl, std::uint64_t size) {
        messages_.emplace_back(std::move(uidl), size);
        octets_ += size;
    }
    std::size_t count() const override { return messages_.size(); }
    std::uint64_t octets() const override { return octets_; }
    std::uint64_t size(std::size_t index) const override { return messages_[index].second; }
    std::string_view uidl(std::size_t index) const override { return messages_[index].first; }

  private:
    std::vector<std::pair<std::string, std::uint64_t>> messages_;
    std::uint64_t octets_ = 0;
};

}  // namespace mailhandler::test
