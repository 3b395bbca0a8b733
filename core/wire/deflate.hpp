// One direction each of a compressed connection (RFC 4978): raw DEFLATE (RFC 1951), flushed at every
// turn of the conversation. zlib lives only behind this.
//
// Memory: some 260 KiB for a Deflater, 40 KiB for an Inflater.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;

namespace mailhandler::wire {

class Deflater {
  public:
    Deflater();
    ~Deflater();

    // Appends to `into` what can be sent already; the rest is kept.
    void write(std::string_view octets, std::string& into);
    // Appends the rest: the peer can read everything written so far.
    void flush(std::string& into);
    // Something written has not been flushed.
    bool holds() const { return holds_; }

  private:
    void run(std::string_view octets, int how, std::string& into);
    std::unique_ptr<z_stream_s> stream_;
    bool holds_ = false;
};

class Inflater {
  public:
    Inflater();
    ~Inflater();

    // Octets as they came. Only when the ones before are used up.
    void feed(std::string octets);
    // Puts the next octets into `into`, at most `most`: however small the input, the output comes in
    // bounded pieces. Empty: more input is needed. False: the stream is malformed, or at its end.
    bool read(std::string& into, std::size_t most);

  private:
    std::unique_ptr<z_stream_s> stream_;
    std::string input_;
    bool full_ = false;  // the last read() stopped at its bound
};

}  // namespace mailhandler::wire
