// The part of drive() that knows no session: gathers what is to be sent, carries bodies, waits,
// and remembers what went wrong with the line first.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "net/pool.hpp"
#include "net/stream.hpp"
#include "wire/action.hpp"
#include "wire/deflate.hpp"

namespace mailhandler::net {

class TlsRole;

// What every connection of a Loop is given. Outlives them all.
struct Means {
    Loop& loop;
    const Clock& clock;
    Pool& disk;
    Pool& password;
    Log log;
    TlsRole* tls = nullptr;  // null: StartTls ends the connection
    std::chrono::seconds handshake{60};
    std::chrono::seconds stalled{300};  // the peer takes nothing of what we send
    std::chrono::seconds farewell{5};   // for the peer to close after us
};

class Conduct {
  public:
    Conduct(Stream& stream, const Means& means) : stream_(stream), means_(means) {}

    // The clock, but never before a deadline that has been seen to pass.
    Instant now() const { return std::max(means_.clock.now(), passed_); }

    // The line no longer carries anything; what is gathered from now on is dropped.
    bool broken() const { return fault_.has_value(); }
    void fail(Fault fault);
    const std::optional<Fault>& fault() const { return fault_; }

    void gather(std::string octets);
    bool full() const { return out_.size() - sent_ >= flush_size; }
    bool flushed() const { return out_.empty() && !(squeeze_ && squeeze_->out.holds()); }
    // Writes what goes at once. True when nothing is left (or the line is broken).
    bool try_flush();
    Task<> flush();

    // Sends a range of a body, at most one block of it in memory. When it cannot be read to its
    // end the connection is reset.
    Task<> send_body(wire::SendBody& send);

    // One non-blocking read into the loop's scratch: ok (then heard() until the next co_await),
    // blocked, eof, failed.
    Io try_hear();
    // The same, waiting as `read` says: also timeout, woken, draining, aborted.
    Task<Io> hear(const wire::Read& read);
    std::string_view heard() const { return heard_; }

    // The handshake, after what was gathered has been sent. No value: the line is broken.
    Task<std::optional<wire::TlsInfo>> start_tls();

    // Both ways are compressed from here on, after what was gathered has been sent (RFC 4978).
    Task<> start_deflate();

    // The last of it: sends what is gathered and ends the connection.
    Task<> finish(bool abort);

    static constexpr std::size_t flush_size = 64 * 1024;
    static constexpr std::size_t block_size = 64 * 1024;
    static constexpr std::uint64_t inline_size = 256 * 1024;  // larger bodies: on the disk pool

  private:
    // What COMPRESS needs: only connections that asked for it pay for it.
    struct Squeeze {
        wire::Deflater out;
        wire::Inflater in;
        std::string heard;
    };
    void put(std::string_view octets);
    Io try_hear_squeezed();
    Task<Result<std::size_t>> read_block(wire::SendBody& send, std::uint64_t at, std::string& into);
    void fail_io(Io io, std::string_view doing);
    void spend(std::size_t octets) { spent_ += octets; }
    Task<> take_turns();

    Stream& stream_;
    const Means& means_;
    std::string out_;
    std::size_t sent_ = 0;  // octets of out_ that have gone
    std::string_view heard_;
    std::unique_ptr<Squeeze> squeeze_;
    std::size_t spent_ = 0;  // octets moved since others had their turn
    Instant passed_{};
    std::optional<Fault> fault_;
};

}  // namespace mailhandler::net
