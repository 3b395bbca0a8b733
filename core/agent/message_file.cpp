#include "agent/message_file.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "disk/read_fully.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t block_size = 64 * 1024;
constexpr std::size_t first_block = 4096;

class TextBody final : public wire::Body {
  public:
    explicit TextBody(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        return offset < text_.size() ? text_.copy(into, size, offset) : 0;
    }

  private:
    std::string text_;
};

class FileBody final : public wire::Body {
  public:
    FileBody(std::unique_ptr<disk::File> file, std::uint64_t size, std::uint64_t begin)
        : file_(std::move(file)), size_(size), begin_(begin) {}
    std::uint64_t size() const override { return size_; }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        return file_->read_at(begin_ + offset, into, size);
    }

  private:
    std::unique_ptr<disk::File> file_;
    std::uint64_t size_, begin_;
};

Result<std::string> read_part(disk::File& file, std::uint64_t begin, std::uint64_t size) {
    std::string text(size, '\0');
    const auto got = disk::read_fully(file, begin, text);
    if (!got) return tl::unexpected(got.error());
    if (*got < size) return fail("a message", "its file is shorter than it should be");
    return text;
}

// Counts LFs that no CR precedes; `last` is the octet before `block`.
std::uint64_t bare_lfs(std::string_view block, char last) {
    std::uint64_t bare = 0;
    for (std::size_t at = block.find('\n'); at != block.npos; at = block.find('\n', at + 1))
        bare += (at == 0 ? last : block[at - 1]) != '\r';
    return bare;
}

}  // namespace

std::shared_ptr<wire::Body> text_body(std::string text) {
    return std::make_shared<TextBody>(std::move(text));
}

std::shared_ptr<wire::Body> file_body(std::unique_ptr<disk::File> file, std::uint64_t size,
                                      std::uint64_t begin) {
    return std::make_shared<FileBody>(std::move(file), size, begin);
}

Result<std::shared_ptr<wire::Body>> part_of_file(std::unique_ptr<disk::File> file,
                                                 std::uint64_t begin, std::uint64_t size,
                                                 std::uint64_t in_memory) {
    if (size > in_memory) return file_body(std::move(file), size, begin);
    auto text = read_part(*file, begin, size);
    if (!text) return tl::unexpected(text.error());
    return text_body(std::move(*text));
}

Result<std::shared_ptr<wire::Body>> open_message(disk::Disk& disk, const std::string& path,
                                                 std::uint64_t in_memory) {
    auto file = disk.open(path);
    if (!file) return tl::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return tl::unexpected(size.error());
    return part_of_file(std::move(*file), 0, *size, in_memory);
}

Result<std::uint64_t> top_of(wire::Body& body, std::uint64_t lines) {
    std::string block(std::min<std::uint64_t>(block_size, body.size()), '\0');
    bool in_header = true;
    bool empty = true;  // the line so far, but for a CR
    std::uint64_t offset = 0;
    while (offset < body.size()) {
        const auto got = body.read_at(offset, block.data(), block.size());
        if (!got) return tl::unexpected(got.error());
        if (*got == 0) break;
        for (std::size_t at = 0; at < *got; ++at) {
            if (block[at] != '\n') {
                empty = empty && block[at] == '\r';
                continue;
            }
            const bool ends = in_header ? empty && lines == 0 : --lines == 0;
            if (ends) return offset + at + 1;
            if (empty) in_header = false;
            empty = true;
        }
        offset += *got;
    }
    return body.size();
}

Result<std::uint64_t> wire_size(disk::Disk& disk, const std::string& path) {
    auto file = disk.open(path);
    if (!file) return tl::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return tl::unexpected(size.error());
    std::string block(first_block, '\0');
    std::uint64_t offset = 0, bare = 0;
    char last = '\0';
    for (;;) {
        const auto got = (*file)->read_at(offset, block.data(), block.size());
        if (!got) return tl::unexpected(got.error());
        if (*got == 0) return *size + bare;
        const std::string_view octets = std::string_view(block).substr(0, *got);
        bare += bare_lfs(octets, last);
        const bool crlf = bare == 0 && octets.find('\n') != octets.npos;
        if (offset == 0 && crlf) return *size;
        last = octets.back();
        offset += *got;
        block.resize(block_size);
    }
}

}  // namespace mailhandler::agent
