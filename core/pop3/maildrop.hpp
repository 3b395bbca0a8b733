// The frozen list of a maildrop: what STAT, LIST and UIDL of one session speak of. Its owner makes it
// (agent/frozen_maildrop); it never changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailhandler::pop3 {

// RFC 1939 section 7: one to 70 characters in the range 0x21 to 0x7E.
constexpr std::size_t longest_uidl = 70;

class Maildrop {
  public:
    virtual ~Maildrop() = default;
    virtual std::size_t count() const = 0;
    virtual std::uint64_t octets() const = 0;  // of all messages
    // Octets on the wire, CRLF line ends, before dot-stuffing (RFC 1939 section 11). `index` counts
    // from 0: message number - 1.
    virtual std::uint64_t size(std::size_t index) const = 0;
    // Each its own; lies in the maildrop.
    virtual std::string_view uidl(std::size_t index) const = 0;
};

}  // namespace mailhandler::pop3
