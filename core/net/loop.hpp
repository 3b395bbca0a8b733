// The network thread: one io_context, run by exactly one thread. Everything in net happens on it
// unless a header says "any thread".
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/log.hpp"

namespace mailhandler::net {

// What a coroutine of this room returns. Mind the compiler: g++ 12 destroys some temporaries twice
// when they share a full expression with co_await; tests/law/run_coroutines.py looks for them.
template <class T = void>
using Task = boost::asio::awaitable<T>;

class Loop {
  public:
    // Also has the process ignore SIGPIPE: OpenSSL writes with write(2), and a peer that left is
    // an EPIPE, not the end of the program.
    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    boost::asio::io_context& context() { return context_; }

    // 64 KiB that every connection reads into, one after the other: it holds something only until
    // the next co_await. So an idle connection owns no buffer.
    std::span<char> scratch() { return {scratch_.get(), scratch_size}; }

    // Runs until stop(), also one that came before, or until nothing is left to wait for. Once.
    void run();
    // Any thread.
    void stop() { context_.stop(); }
    // Any thread: calls `function` on the network thread.
    void post(std::function<void()> function);
    // Starts a coroutine. An exception that leaves it is our bug: it is logged with `what`, and
    // everything else goes on.
    void spawn(Task<> task, Log log, std::string what);

    static constexpr std::size_t scratch_size = 64 * 1024;

  private:
    boost::asio::io_context context_{1};
    std::unique_ptr<char[]> scratch_;
};

}  // namespace mailhandler::net
