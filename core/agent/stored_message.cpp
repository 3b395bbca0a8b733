#include "agent/stored_message.hpp"

#include <algorithm>
#include <utility>

#include "agent/crlf_body.hpp"
#include "agent/message_file.hpp"
#include "disk/read_fully.hpp"
#include "mail/header.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t first_block = 8 * 1024;
constexpr std::size_t block_size = 64 * 1024;

// Up to `size` octets from `offset`.
template <class Source>
Result<std::string> read_range(Source& source, std::uint64_t offset, std::uint64_t size) {
    std::string text(size, '\0');
    const auto got = disk::read_fully(source, offset, text);
    if (!got) return tl::unexpected(got.error());
    text.resize(*got);
    return text;
}

// Whether some LF has no CR before it.
bool has_bare_lf(std::string_view octets) {
    for (std::size_t at = octets.find('\n'); at != octets.npos; at = octets.find('\n', at + 1))
        if (at == 0 || octets[at - 1] != '\r') return true;
    return false;
}

// The size of the header that the octets begin with; nothing where it does not end in them.
std::optional<std::size_t> header_size(std::string_view octets) {
    mail::HeaderScan scan(octets);
    while (scan.next()) {
    }
    if (!scan.complete()) return std::nullopt;
    return scan.position();
}

}  // namespace

std::string with_crlf(std::string octets) {
    if (!has_bare_lf(octets)) return octets;
    std::string text;
    text.reserve(octets.size() + octets.size() / 32);
    append_with_crlf(text, octets);
    return text;
}

Result<> StoredMessage::measure() {
    if (file_size_) return {};
    const auto size = file_->size();
    if (!size) return tl::unexpected(size.error());
    file_size_ = *size;
    return {};
}

// The whole file, as its message goes over the wire: where the name gives that as many octets as the file
// has, it is that already.
std::string StoredMessage::in_wire_form(std::string file) const {
    if (wire_ == file.size()) return file;
    return with_crlf(std::move(file));
}

Result<> StoredMessage::read_all() {
    if (all_) return {};
    if (auto measured = measure(); !measured) return measured;
    if (body_ || *file_size_ > small) return {};
    auto text = read_range(*file_, 0, *file_size_);
    if (!text) return tl::unexpected(text.error());
    text_ = in_wire_form(std::move(*text));
    all_ = true;
    file_.reset();
    return {};
}

Result<std::string_view> StoredMessage::header() {
    if (top_read_) return std::string_view(top_);
    std::string_view octets;
    if (all_) {
        octets = text_;
    } else {
        // What a range of the wire form begins with is what the file does, mended.
        for (std::uint64_t size = first_block;; size *= 8) {
            Result<std::string> read;
            if (body_)
                read = read_range(*body_, 0, size);
            else
                read = read_range(*file_, 0, size);
            if (!read) return tl::unexpected(read.error());
            const bool ended = read->size() < size;
            top_ = ended && !body_ ? in_wire_form(std::move(*read)) : with_crlf(std::move(*read));
            if (ended && !body_) {  // it was all there is
                text_ = std::exchange(top_, {});
                all_ = true;
                break;
            }
            if (ended || header_size(top_) || size >= longest_header) break;
        }
        octets = all_ ? text_ : top_;
    }
    top_ = std::string(octets.substr(0, header_size(octets).value_or(octets.size())));
    if (top_.size() > longest_header) top_.resize(longest_header);
    top_read_ = true;
    return std::string_view(top_);
}

Result<std::uint64_t> StoredMessage::size() {
    if (auto read = read_all(); !read) return tl::unexpected(read.error());
    if (all_) return text_.size();
    auto large = body();
    if (!large) return tl::unexpected(large.error());
    return (*large)->size();
}

Result<std::optional<std::string_view>> StoredMessage::whole() {
    if (auto read = read_all(); !read) return tl::unexpected(read.error());
    if (!all_) return std::optional<std::string_view>();
    return std::optional<std::string_view>(text_);
}

Result<std::shared_ptr<wire::Body>> StoredMessage::body() {
    if (body_) return body_;
    if (auto read = read_all(); !read) return tl::unexpected(read.error());
    if (all_) {
        body_ = text_body(text_);
    } else if (wire_ == file_size_) {
        body_ = file_body(std::move(file_), *file_size_);
    } else {
        auto mended = CrlfBody::make(std::move(file_));
        if (!mended) return tl::unexpected(mended.error());
        body_ = std::move(*mended);
    }
    return body_;
}

Result<std::shared_ptr<const mail::MimeTree>> StoredMessage::tree() {
    if (tree_) return tree_;
    if (auto read = read_all(); !read) return tl::unexpected(read.error());
    if (all_) {
        tree_ = std::make_shared<mail::MimeTree>(mail::scan_mime(text_));
        return tree_;
    }
    auto large = body();
    if (!large) return tl::unexpected(large.error());
    mail::MimeScan scan;
    std::string block(block_size, '\0');
    for (std::uint64_t offset = 0;;) {
        const auto got = (*large)->read_at(offset, block.data(), block.size());
        if (!got) return tl::unexpected(got.error());
        if (*got == 0) break;
        scan.feed(std::string_view(block).substr(0, *got));
        offset += *got;
    }
    tree_ = std::make_shared<mail::MimeTree>(scan.finish());
    return tree_;
}

Result<std::string> StoredMessage::read(std::uint64_t begin, std::uint64_t end) {
    if (auto all = read_all(); !all) return tl::unexpected(all.error());
    if (all_) return text_.substr(std::min<std::uint64_t>(begin, text_.size()), end - begin);
    auto large = body();
    if (!large) return tl::unexpected(large.error());
    return read_range(**large, begin, end - begin);
}

}  // namespace mailhandler::agent
