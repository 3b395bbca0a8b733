#include "wire/line_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace mailhandler::wire {

namespace {

// An emptied buffer larger than this goes back to the allocator: 10,000 idle connections must not
// each keep the memory of their largest burst.
constexpr std::size_t kept_capacity = 4096;

}  // namespace

void LineBuffer::append(std::string_view octets) {
    compact();
    octets_.append(octets);
}

std::optional<Line> LineBuffer::next() {
    const char* from = octets_.data() + scanned_;
    const auto* lf = static_cast<const char*>(std::memchr(from, '\n', octets_.size() - scanned_));
    if (lf == nullptr) {
        scanned_ = octets_.size();
        // One octet more than the limit may be the CR of a line that just fits.
        if (skipping_ || octets_.size() - head_ > longest_ + 1) {
            skipping_ = true;
            head_ = scanned_;
        }
        return std::nullopt;
    }
    const std::size_t start = head_;
    const std::size_t end = static_cast<std::size_t>(lf - octets_.data());
    head_ = scanned_ = end + 1;
    Line line;
    line.crlf = end > start && octets_[end - 1] == '\r';
    line.text = std::string_view(octets_).substr(start, end - start - (line.crlf ? 1 : 0));
    if (skipping_ || line.text.size() > longest_) {
        skipping_ = false;
        return Line{{}, true, true};
    }
    return line;
}

void LineBuffer::consume(std::size_t count) {
    head_ += std::min(count, octets_.size() - head_);
    scanned_ = std::max(scanned_, head_);
}

void LineBuffer::clear() {
    octets_.clear();
    head_ = scanned_ = 0;
    skipping_ = false;
    compact();
}

void LineBuffer::compact() {
    if (empty()) {
        head_ = scanned_ = 0;
        octets_.clear();
        if (octets_.capacity() > kept_capacity) octets_ = std::string();
    } else if (head_ > octets_.size() / 2) {
        // At least as many octets were taken as are moved, so each is moved once on average.
        octets_.erase(0, head_);
        scanned_ -= head_;
        head_ = 0;
    }
}

}  // namespace mailhandler::wire
