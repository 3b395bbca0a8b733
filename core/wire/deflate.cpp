#include "wire/deflate.hpp"

#include <new>
#include <utility>
#include <zlib.h>

namespace mailhandler::wire {

namespace {

constexpr int raw = -15;  // no header and no checksum, a window of 32 KiB
constexpr int memory_level = 8;
constexpr std::size_t step = 16 * 1024;

Bytef* octets_of(const char* text) {
    // zlib does not write through next_in.
    return reinterpret_cast<Bytef*>(const_cast<char*>(text));
}

}  // namespace

Deflater::Deflater() : stream_(std::make_unique<z_stream>()) {
    if (deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, raw, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc();
}

Deflater::~Deflater() { deflateEnd(stream_.get()); }

void Deflater::write(std::string_view octets, std::string& into) {
    if (octets.empty()) return;
    holds_ = true;
    run(octets, Z_NO_FLUSH, into);
}

void Deflater::flush(std::string& into) {
    if (std::exchange(holds_, false)) run({}, Z_SYNC_FLUSH, into);
}

void Deflater::run(std::string_view octets, int how, std::string& into) {
    stream_->next_in = octets_of(octets.data());
    stream_->avail_in = static_cast<uInt>(octets.size());
    do {
        const std::size_t before = into.size();
        into.resize(before + step);
        stream_->next_out = octets_of(into.data() + before);
        stream_->avail_out = step;
        deflate(stream_.get(), how);
        into.resize(into.size() - stream_->avail_out);
    } while (stream_->avail_out == 0);
}

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) {
    if (inflateInit2(stream_.get(), raw) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

void Inflater::feed(std::string octets) {
    input_ = std::move(octets);
    stream_->next_in = octets_of(input_.data());
    stream_->avail_in = static_cast<uInt>(input_.size());
}

bool Inflater::read(std::string& into, std::size_t most) {
    into.clear();
    // zlib may hold output back when it stopped at the bound, with no input left.
    if (stream_->avail_in == 0 && !full_) return true;
    into.resize(most);
    stream_->next_out = octets_of(into.data());
    stream_->avail_out = static_cast<uInt>(most);
    const int status = inflate(stream_.get(), Z_SYNC_FLUSH);
    into.resize(most - stream_->avail_out);
    full_ = stream_->avail_out == 0;
    if (stream_->avail_in == 0) input_ = {};
    if (status == Z_OK || (status == Z_BUF_ERROR && into.empty())) return true;
    return status == Z_STREAM_END && !into.empty();
}

}  // namespace mailhandler::wire
