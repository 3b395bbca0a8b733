// One message of a mailbox in wire form, read as far as is wanted. Blocking: for a pool thread.
//
// A small message is read whole at once; of a large one only the header, or it is read by ranges
// while it is sent. What we store is in wire form (CRLF); a file of another program that ends its
// lines in LF alone is given CRLF on the way, so that every offset is one on the wire.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "mail/mime.hpp"
#include "wire/action.hpp"

namespace mailhandler::agent {

class StoredMessage {
  public:
    // A message up to this size is held in memory.
    static constexpr std::uint64_t small = 256 * 1024;
    // A header is looked into so far: what ENVELOPE and SEARCH know of a longer one is its beginning.
    static constexpr std::uint64_t longest_header = 1024 * 1024;

    // `wire`: octets in wire form as the file's name tells them. Where that is the file's size, or
    // nothing, no line end is looked for in vain.
    StoredMessage(std::unique_ptr<disk::File> file, std::optional<std::uint64_t> wire)
        : file_(std::move(file)), wire_(wire) {}

    // The header with its empty line, at most longest_header octets of it. Of a message that was not
    // read before, little more than the header is.
    Result<std::string_view> header();

    // Octets in wire form. Reads a small message; a large one only where its name does not tell.
    Result<std::uint64_t> size();
    // All of it where it is small; else nothing.
    Result<std::optional<std::string_view>> whole();
    std::string take_whole() { return std::move(text_); }  // after whole(); then it is over
    bool is_large() const { return !all_ && file_size_ && *file_size_ > small; }
    // A large message, or a small one too: it shares what was read.
    Result<std::shared_ptr<wire::Body>> body();
    // Its parts; the one pass over a large message is done once.
    Result<std::shared_ptr<const mail::MimeTree>> tree();
    // [begin, end) of it, in memory.
    Result<std::string> read(std::uint64_t begin, std::uint64_t end);

  private:
    std::string in_wire_form(std::string file) const;
    Result<> measure();
    Result<> read_all();
    Result<> scan_body();

    std::unique_ptr<disk::File> file_;
    std::optional<std::uint64_t> wire_;
    std::optional<std::uint64_t> file_size_;
    bool all_ = false;   // text_ is the whole message, in wire form
    std::string text_;   // else its beginning, if anything
    std::string top_;    // the header of a large message
    bool top_read_ = false;
    std::shared_ptr<wire::Body> body_;
    std::shared_ptr<const mail::MimeTree> tree_;
};

// `octets` with CRLF for every bare LF.
std::string with_crlf(std::string octets);

}  // namespace mailhandler::agent
