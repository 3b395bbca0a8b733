// The frozen list of a maildrop: what STAT, LIST and UIDL of one session speak of.
//
// Two strings of numbers and one arena of names: a maildrop of 100,000 messages costs about 4 MiB,
// and no allocation per message. Built once by the owner (agent/access), then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::pop3 {

class Maildrop {
  public:
    // RFC 1939 section 7: one to 70 characters in the range 0x21 to 0x7E.
    static bool valid_uidl(std::string_view uidl);

    void reserve(std::size_t messages, std::size_t uidl_octets);
    // Appends a message. `octets`: its size on the wire, CRLF line ends, before dot-stuffing (RFC
    // 1939 section 11). Throws std::invalid_argument for a uidl that is not valid: the owner
    // replaces such names before they come here.
    void add(std::string_view uidl, std::uint64_t octets);

    std::size_t count() const { return sizes_.size(); }
    std::uint64_t octets() const { return total_; }  // of all messages
    // `index` counts from 0: message number - 1.
    std::uint64_t size(std::size_t index) const { return sizes_[index]; }
    std::string_view uidl(std::size_t index) const;

  private:
    std::string uidls_;
    std::vector<std::uint32_t> ends_;  // of each name in uidls_
    std::vector<std::uint64_t> sizes_;
    std::uint64_t total_ = 0;
};

}  // namespace mailhandler::pop3
