#include "agent/crlf_body.hpp"

#include <algorithm>

#include "disk/read_fully.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t block_size = 64 * 1024;

// Fills `block` from the file as far as there is any.
Result<std::size_t> read_block(disk::File& file, std::uint64_t offset, std::string& block) {
    block.resize(block_size);
    const auto got = disk::read_fully(file, offset, block);
    if (got) block.resize(*got);
    return got;
}

}  // namespace

void append_with_crlf(std::string& text, std::string_view octets, char last) {
    while (!octets.empty()) {
        const std::size_t lf = octets.find('\n');
        const std::size_t size = std::min(lf, octets.size());
        text += octets.substr(0, size);
        if (lf == octets.npos) return;
        if ((size > 0 ? octets[size - 1] : last) != '\r') text += '\r';
        text += '\n';
        last = '\n';
        octets.remove_prefix(size + 1);
    }
}

Result<std::shared_ptr<CrlfBody>> CrlfBody::make(std::unique_ptr<disk::File> file) {
    auto body = std::make_shared<CrlfBody>();
    std::string block;
    char last = '\0';
    for (std::uint64_t offset = 0;; offset += block_size) {
        const auto got = read_block(*file, offset, block);
        if (!got) return tl::unexpected(got.error());
        body->begins_.push_back(body->size_);
        body->after_cr_.push_back(last == '\r');
        for (std::size_t at = block.find('\n'); at != block.npos; at = block.find('\n', at + 1))
            body->size_ += (at > 0 ? block[at - 1] : last) != '\r';
        body->size_ += block.size();
        if (block.size() < block_size) break;
        last = block.back();
    }
    body->file_ = std::move(file);
    return body;
}

Result<> CrlfBody::load(std::size_t block) {
    if (loaded_ == block) return {};
    std::string octets;
    const auto got = read_block(*file_, block * std::uint64_t{block_size}, octets);
    if (!got) return tl::unexpected(got.error());
    block_.clear();
    append_with_crlf(block_, octets, after_cr_[block] ? '\r' : '\0');
    loaded_ = block;
    return {};
}

Result<std::size_t> CrlfBody::read_at(std::uint64_t offset, char* into, std::size_t size) {
    if (offset >= size_) return 0;
    const auto above = std::upper_bound(begins_.begin(), begins_.end(), offset);
    const auto block = static_cast<std::size_t>(above - begins_.begin() - 1);
    if (auto loaded = load(block); !loaded) return tl::unexpected(loaded.error());
    const std::uint64_t within = offset - begins_[block];
    return within < block_.size() ? block_.copy(into, size, within) : 0;
}

}  // namespace mailhandler::agent
