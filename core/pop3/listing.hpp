// What a POP3 server says it holds: the answers to UIDL and LIST, read line by line and joined by
// message number. Servers are not believed: the lines may be malformed, out of order, repeated or
// without end.
//
// A line that is not understood costs its own message only: it is counted, shown and left on the
// server. The listing is then not well-formed, and nobody may conclude that what it does not name
// is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/collecting.hpp"

namespace mailhandler::pop3 {

class Listing final : public wire::Listing {
  public:
    struct Entry {
        std::uint32_t number = 0;  // as RETR and DELE take it
        std::uint64_t size = 0;    // octets, as announced: a hint
    };

    // `limit`: entries before a listing counts as endless.
    explicit Listing(std::size_t limit = 2'000'000) : limit_(limit) {}

    // One line of the answer to UIDL, then of LIST, without its CRLF. False: the limit is passed.
    bool add_uidl(std::string_view line);
    void uidls_complete();
    bool add_size(std::string_view line);
    void sizes_complete();

    // Messages both answers speak of, ascending by number, once both are complete.
    std::size_t count() const override { return entries_.size(); }
    std::uint64_t number(std::size_t index) const override { return entries_[index].number; }
    std::uint64_t size(std::size_t index) const override { return entries_[index].size; }
    std::string uid(std::size_t index) const override { return std::string(uidl(index)); }
    const Entry& operator[](std::size_t index) const { return entries_[index]; }
    std::string_view uidl(std::size_t index) const;

    // Every line was understood, and both answers name the same messages once each.
    bool well_formed() const override { return misunderstood_ == 0; }
    std::size_t misunderstood() const override { return misunderstood_; }
    const std::vector<std::string>& complaints() const override { return complaints_; }
    // Well-formed, but the UIDL does not say which is which.
    const std::vector<std::uint32_t>& repeated() const override { return repeated_; }

  private:
    struct Name {
        std::uint64_t begin = 0;
        std::uint32_t length = 0;
        bool sized = false, dropped = false;
    };
    void complain(std::string_view what, std::string_view line);
    void sort_by_number();
    void find_repeated();

    std::size_t limit_;
    std::size_t lines_ = 0;   // of the answer being read
    std::size_t cursor_ = 0;  // where the next line of LIST is expected
    std::string arena_;
    std::vector<Entry> entries_;
    std::vector<Name> names_;
    std::size_t misunderstood_ = 0;
    std::vector<std::string> complaints_;
    std::vector<std::uint32_t> repeated_;
};

}  // namespace mailhandler::pop3
