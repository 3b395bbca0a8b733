#include "net/conduct.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "net/tls.hpp"
#include "wire/dot_stream.hpp"

namespace mailhandler::net {

namespace {

// After this many octets without a wait, the other connections have their turn.
// That many octets of short commands are some ten thousand of them.
constexpr std::size_t fair_share = 128 * 1024;

struct ReadBlock final : Work {
    ReadBlock(wire::Body& b, std::uint64_t o, std::string& i) : body(b), offset(o), into(i) {}
    void run() override { got = body.read_at(offset, into.data(), into.size()); }

    wire::Body& body;
    std::uint64_t offset;
    std::string& into;
    Result<std::size_t> got = 0;
};

}  // namespace

void Conduct::fail(Fault fault) {
    if (!fault_) fault_ = std::move(fault);
    out_ = {};
    sent_ = 0;
}

void Conduct::fail_io(Io io, std::string_view doing) {
    std::string cause(doing);
    switch (io) {
        case Io::timeout: cause += ": the peer took too long"; break;
        case Io::eof: cause += ": the peer has left"; break;
        default: cause += ": " + stream_.error(); break;
    }
    fail(Fault{stream_.peer().address, std::move(cause), true, 0});
}

void Conduct::gather(std::string octets) {
    if (broken()) return;
    if (out_.empty() && !squeeze_)
        out_ = std::move(octets);
    else
        put(octets);
}

void Conduct::put(std::string_view octets) {
    if (squeeze_)
        squeeze_->out.write(octets, out_);
    else
        out_ += octets;
}

bool Conduct::try_flush() {
    if (squeeze_ && !broken()) squeeze_->out.flush(out_);
    while (sent_ < out_.size()) {
        const Transfer transfer = stream_.try_write(std::string_view(out_).substr(sent_));
        if (transfer.status == Io::blocked) return false;
        if (transfer.status != Io::ok) {
            fail_io(transfer.status, "sending");
            return true;
        }
        sent_ += transfer.size;
        spend(transfer.size);
    }
    out_ = {};  // an idle connection holds no buffer
    sent_ = 0;
    return true;
}

Task<> Conduct::flush() {
    std::size_t before = sent_;
    Instant stalled = means_.clock.now() + means_.stalled;
    while (!try_flush()) {
        if (sent_ != before) {
            before = sent_;
            stalled = means_.clock.now() + means_.stalled;
        }
        spent_ = 0;
        const Io io = co_await stream_.wait(stalled);
        if (io != Io::ok) fail_io(io, "sending");
    }
    if (spent_ >= fair_share) co_await take_turns();
}

Task<> Conduct::take_turns() {
    spent_ = 0;
    co_await boost::asio::post(means_.loop.context(), boost::asio::use_awaitable);
}

Task<Result<std::size_t>> Conduct::read_block(wire::SendBody& send, std::uint64_t at,
                                              std::string& into) {
    ReadBlock work(*send.body, at, into);
    if (send.length <= inline_size)
        work.run();
    else
        co_await offload(means_.disk, work);
    co_return std::move(work.got);
}

Task<> Conduct::send_body(wire::SendBody& send) {
    if (send.dot_stuffed && squeeze_) throw std::logic_error("no protocol has dots and DEFLATE");
    std::string block(std::min<std::uint64_t>(block_size, send.length), '\0');
    wire::DotEncoder encoder;
    std::uint64_t done = 0;
    while (done < send.length && !broken()) {
        block.resize(std::min<std::uint64_t>(block_size, send.length - done));
        const Result<std::size_t> got = co_await read_block(send, send.offset + done, block);
        if (!got || *got == 0) {
            stream_.abort();
            fail(got ? Fault{stream_.peer().address, "a body is shorter than it said", true, 0}
                     : got.error());
            means_.log.error("a message could not be read to its end, the connection is reset: " +
                             fault_->text());
            co_return;
        }
        done += *got;
        const std::string_view octets = std::string_view(block).substr(0, *got);
        if (send.dot_stuffed)
            encoder.encode(octets, out_);
        else
            put(octets);
        if (full()) co_await flush();
    }
    if (send.dot_stuffed && !broken()) encoder.finish(out_);
}

Io Conduct::try_hear() {
    if (squeeze_) return try_hear_squeezed();
    const std::span<char> scratch = means_.loop.scratch();
    const Transfer transfer = stream_.try_read(scratch);
    heard_ = {scratch.data(), transfer.size};
    spend(transfer.size);
    if (transfer.status == Io::failed) fail_io(Io::failed, "receiving");
    return transfer.status;
}

// A small input may come out very large: each time at most a block of it.
Io Conduct::try_hear_squeezed() {
    for (;;) {
        if (!squeeze_->in.read(squeeze_->heard, block_size)) {
            fail(
                Fault{stream_.peer().address, "what was received cannot be decompressed", true, 0});
            return Io::failed;
        }
        heard_ = squeeze_->heard;
        spend(heard_.size());
        if (!heard_.empty()) return Io::ok;
        squeeze_->heard = {};  // an idle connection holds no buffer
        const std::span<char> scratch = means_.loop.scratch();
        const Transfer transfer = stream_.try_read(scratch);
        if (transfer.status == Io::failed) fail_io(Io::failed, "receiving");
        if (transfer.status != Io::ok) return transfer.status;
        squeeze_->in.feed(std::string(scratch.data(), transfer.size));
    }
}

Task<> Conduct::start_deflate() {
    co_await flush();
    if (!broken() && !squeeze_) squeeze_ = std::make_unique<Squeeze>();
}

Task<Io> Conduct::hear(const wire::Read& read) {
    const auto how = read.wakeable ? Interruptible::by_drain_or_wake : Interruptible::by_drain;
    for (;;) {
        if (spent_ >= fair_share) co_await take_turns();
        const Io heard = try_hear();
        if (heard != Io::blocked) co_return heard;
        spent_ = 0;
        const Io io = co_await stream_.wait(read.deadline, how);
        if (io == Io::ok) continue;
        if (io == Io::timeout) passed_ = read.deadline;
        if (io == Io::aborted || io == Io::failed) fail_io(io, "waiting");
        co_return io;
    }
}

Task<std::optional<wire::TlsInfo>> Conduct::start_tls() {
    co_await flush();
    if (broken()) co_return std::nullopt;
    if (means_.tls == nullptr) {
        fail(Fault{stream_.peer().address, "TLS was asked for where none is configured", true, 0});
        co_return std::nullopt;
    }
    const Instant deadline = means_.clock.now() + means_.handshake;
    Result<wire::TlsInfo> info = co_await stream_.handshake(*means_.tls, deadline);
    if (info) co_return std::move(*info);
    fail(info.error());
    co_return std::nullopt;
}

Task<> Conduct::finish(bool abort) {
    if (abort)
        try_flush();
    else if (!flushed())
        co_await flush();
    if (abort || broken())
        stream_.abort(false);
    else
        co_await stream_.close(means_.clock.now() + means_.farewell);
}

}  // namespace mailhandler::net
