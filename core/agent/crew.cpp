#include "agent/crew.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace mailhandler::agent {

namespace {

// A helper may begin when all is done: it outlives the call, the work does not.
class Crew {
  public:
    Crew(std::size_t count, const std::function<bool(std::size_t)>& piece)
        : count_(count), piece_(piece) {}

    void help() {
        std::unique_lock lock(mutex_);
        if (over_) return;
        ++busy_;
        lock.unlock();
        work();
        lock.lock();
        if (--busy_ == 0) idle_.notify_all();
    }

    std::size_t finish() {
        work();
        std::unique_lock lock(mutex_);
        over_ = true;
        idle_.wait(lock, [this] { return busy_ == 0; });
        if (failure_) std::rethrow_exception(failure_);
        return next_;
    }

  private:
    void work() {
        try {
            while (const auto index = take())
                if (!piece_(*index)) stop(nullptr);
        } catch (...) {
            stop(std::current_exception());
        }
    }

    std::optional<std::size_t> take() {
        const std::scoped_lock lock(mutex_);
        if (over_ || next_ == count_) return std::nullopt;
        return next_++;
    }

    void stop(std::exception_ptr failure) {
        const std::scoped_lock lock(mutex_);
        over_ = true;
        if (!failure_) failure_ = std::move(failure);
    }

    const std::size_t count_;
    const std::function<bool(std::size_t)>& piece_;
    std::mutex mutex_;
    std::condition_variable idle_;
    std::size_t next_ = 0, busy_ = 0;
    bool over_ = false;
    std::exception_ptr failure_;
};

}  // namespace

std::size_t share_out(const Offer& offer, std::size_t count,
                      const std::function<bool(std::size_t)>& piece) {
    // A piece costs less than waking a thread does.
    constexpr std::size_t worth_it = 8;
    const auto crew = std::make_shared<Crew>(count, piece);
    std::size_t others = std::max(1u, std::thread::hardware_concurrency()) - 1;
    for (others = std::min(others, count / worth_it); offer && others > 0; --others)
        if (!offer([crew] { crew->help(); })) break;
    return crew->finish();
}

}  // namespace mailhandler::agent
