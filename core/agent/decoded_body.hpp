// A range of a message with its transfer encoding undone while it is read: BINARY of a large part
// (RFC 3516), whose octets are never held together.
//
// Made in one pass that counts. Meant to be read from its start to its end; reading anywhere
// earlier begins anew.
#pragma once

#include <memory>
#include <string>

#include "mail/transfer_encoding.hpp"
#include "wire/action.hpp"

namespace mailhandler::agent {

class DecodedBody final : public wire::Body {
  public:
    static Result<std::shared_ptr<DecodedBody>> make(std::shared_ptr<wire::Body> source,
                                                     std::uint64_t begin, std::uint64_t end,
                                                     mail::TransferEncoding encoding);

    DecodedBody(std::shared_ptr<wire::Body> source, std::uint64_t begin, std::uint64_t end,
                mail::TransferEncoding encoding)
        : source_(std::move(source)), begin_(begin), end_(end), encoding_(encoding), decoder_(encoding) {
        rewind();
    }
    std::uint64_t size() const override { return size_; }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override;

  private:
    void rewind();
    // The next octets into block_; empty at the end.
    Result<> decode_block();

    std::shared_ptr<wire::Body> source_;
    const std::uint64_t begin_, end_;
    const mail::TransferEncoding encoding_;
    std::uint64_t size_ = 0;
    mail::TransferDecoder decoder_;
    std::uint64_t at_ = 0;        // in source_, of what is decoded next
    std::string block_;           // what was decoded last …
    std::uint64_t block_at_ = 0;  // … and where that is
    bool finished_ = false;
};

}  // namespace mailhandler::agent
