#include "agent/decoded_body.hpp"

#include <algorithm>

namespace mailhandler::agent {

namespace {
constexpr std::size_t block_size = 64 * 1024;
}

Result<std::shared_ptr<DecodedBody>> DecodedBody::make(std::shared_ptr<wire::Body> source,
                                                       std::uint64_t begin, std::uint64_t end,
                                                       mail::TransferEncoding encoding) {
    auto body = std::make_shared<DecodedBody>(std::move(source), begin, end, encoding);
    do {
        if (auto read = body->decode_block(); !read) return tl::unexpected(read.error());
        body->size_ += body->block_.size();
    } while (!body->finished_);
    body->rewind();
    return body;
}

void DecodedBody::rewind() {
    decoder_ = mail::TransferDecoder(encoding_);
    at_ = begin_;
    block_.clear();
    block_at_ = 0;
    finished_ = false;
}

Result<> DecodedBody::decode_block() {
    block_at_ += block_.size();
    block_.clear();
    std::string encoded(std::min<std::uint64_t>(block_size, end_ - at_), '\0');
    Result<std::size_t> got = 0;
    if (!encoded.empty()) got = source_->read_at(at_, encoded.data(), encoded.size());
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) {
        decoder_.finish(block_);
        finished_ = true;
        return {};
    }
    decoder_.feed(std::string_view(encoded).substr(0, *got), block_);
    at_ += *got;
    return {};
}

Result<std::size_t> DecodedBody::read_at(std::uint64_t offset, char* into, std::size_t size) {
    if (offset >= size_) return 0;
    if (offset < block_at_) rewind();
    while (offset >= block_at_ + block_.size()) {
        if (finished_) return 0;
        if (auto read = decode_block(); !read) return tl::unexpected(read.error());
    }
    return block_.copy(into, size, offset - block_at_);
}

}  // namespace mailhandler::agent
