#include "net/pool.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <pthread.h>
#include <stdexcept>

namespace mailhandler::net {

namespace asio = boost::asio;

Pool::Pool(std::string name, std::size_t threads) {
    name.resize(std::min<std::size_t>(name.size(), 15));
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { labour(); });
        pthread_setname_np(threads_.back().native_handle(), name.c_str());
    }
}

Pool::~Pool() { stop(); }

void Pool::post(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) throw std::logic_error("work was given to a pool that has stopped");
        queue_.push_back(std::move(work));
    }
    arrived_.notify_one();
}

bool Pool::offer(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= free_) return false;
        queue_.push_back(std::move(work));
    }
    arrived_.notify_one();
    return true;
}

void Pool::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
}

std::size_t Pool::waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void Pool::labour() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++free_;
        arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        --free_;
        if (queue_.empty()) return;
        std::function<void()> work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // what it holds is released outside the lock
        lock.lock();
    }
}

Task<> offload(Pool& pool, Work& work) {
    std::exception_ptr failure;
    // The captures are references only, so nothing here can be destroyed twice.
    auto start = [&pool, &work, &failure](auto handler) {
        using Handler = decltype(handler);
        auto resume = std::make_shared<Handler>(std::move(handler));
        auto executor = asio::get_associated_executor(*resume);
        auto busy = asio::make_work_guard(executor);  // the loop does not end meanwhile
        pool.post([resume, executor, busy, &work, &failure] {
            try {
                work.run();
            } catch (...) {
                failure = std::current_exception();
            }
            asio::post(executor, std::move(*resume));
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(start,
                                                                          asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
}

}  // namespace mailhandler::net
