// A file whose lines may end in LF alone, as a Body whose lines end in CRLF.
//
// Made in one pass that remembers, for every 64 KiB, how many line ends were mended before: a
// range anywhere in a message of 200 MB is then found without reading what is before it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "disk/interface.hpp"
#include "wire/action.hpp"

namespace mailhandler::agent {

class CrlfBody final : public wire::Body {
  public:
    // Reads the file once.
    static Result<std::shared_ptr<CrlfBody>> make(std::unique_ptr<disk::File> file);

    std::uint64_t size() const override { return size_; }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override;

  private:
    Result<> load(std::size_t block);

    std::unique_ptr<disk::File> file_;
    std::uint64_t size_ = 0;
    std::vector<std::uint64_t> begins_;  // of each block of the file, on the wire
    std::vector<bool> after_cr_;         // the octet before it is a CR
    std::size_t loaded_ = SIZE_MAX;
    std::string block_;  // the loaded one, mended
};

// Appends `octets` to `text`, each LF that no CR precedes as CRLF. `last`: the octet before them.
void append_with_crlf(std::string& text, std::string_view octets, char last = '\0');

}  // namespace mailhandler::agent
