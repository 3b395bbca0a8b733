// All connections that are open: how many there may be, and how to reach them when the server stops.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "net/stream.hpp"

namespace mailhandler::net {

// Network thread only. Outlives the Loop's coroutines: make it before the Loop runs.
class Connections {
  public:
    explicit Connections(std::size_t limit) : limit_(limit) {}
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    // A connection's place; destroyed = free again.
    class Seat {
      public:
        Seat(Seat&& other) noexcept : owner_(other.owner_), id_(other.id_) { other.owner_ = nullptr; }
        Seat& operator=(Seat&&) = delete;
        ~Seat() {
            if (owner_) owner_->leave(id_);
        }

      private:
        friend class Connections;
        Seat(Connections& owner, std::uint64_t id) : owner_(&owner), id_(id) {}
        Connections* owner_;
        std::uint64_t id_;
    };

    // Nothing when all seats are taken, or after drain().
    std::optional<Seat> admit(const Stream& stream);
    std::size_t size() const { return open_.size(); }
    std::size_t limit() const { return limit_; }

    // Every session hears drain(), and nobody is admitted any more.
    void drain();
    // Every line breaks. What is under way on a pool still runs to its end.
    void abort();
    // Called once, on the network thread, when the last connection has ended (at once when there
    // is none). After drain().
    void when_empty(std::function<void()> function);

  private:
    void leave(std::uint64_t id);

    std::size_t limit_;
    std::uint64_t next_ = 0;
    bool draining_ = false;
    std::unordered_map<std::uint64_t, Handle> open_;
    std::function<void()> when_empty_;
};

}  // namespace mailhandler::net
