// A bounded number of threads for work that blocks: the disk, crypt(3), getaddrinfo(3). Each kind
// of work has a pool of its own, so that a flood of logins cannot stop mail.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.hpp"

namespace mailhandler::net {

// Work is done first in, first out. Any thread may post. Make a pool after the Loop whose
// coroutines use it, so that it ends before: work under way refers to their frames.
class Pool {
  public:
    // `name` is what the threads are called in ps(1), at most 15 octets.
    Pool(std::string name, std::size_t threads);
    ~Pool();  // stop()
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // `work` must not throw. std::logic_error after stop().
    void post(std::function<void()> work);
    // The same where a thread is free for it and nothing waits; else false, also after stop().
    bool offer(std::function<void()> work);
    // Finishes everything that is queued, then ends the threads.
    void stop();
    // Pieces of work that no thread has taken yet.
    std::size_t waiting() const;

  private:
    void labour();

    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::function<void()>> queue_;
    std::size_t free_ = 0;  // threads that wait for work
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

// What offload() runs. It lives in the coroutine that waits for it.
class Work {
  public:
    virtual ~Work() = default;
    virtual void run() = 0;
};

// Runs `work` on the pool and resumes on the network thread; an exception of run() is thrown here.
// The work always runs to its end.
Task<> offload(Pool& pool, Work& work);

}  // namespace mailhandler::net
