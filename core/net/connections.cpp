#include "net/connections.hpp"

namespace mailhandler::net {

std::optional<Connections::Seat> Connections::admit(const Stream& stream) {
    if (draining_ || open_.size() >= limit_) return std::nullopt;
    const std::uint64_t id = next_++;
    open_.emplace(id, stream.handle());
    return Seat(*this, id);
}

void Connections::drain() {
    draining_ = true;
    for (const auto& [id, handle] : open_) handle.drain();
}

void Connections::abort() {
    for (const auto& [id, handle] : open_) handle.abort();
}

void Connections::when_empty(std::function<void()> function) {
    if (open_.empty())
        function();
    else
        when_empty_ = std::move(function);
}

void Connections::leave(std::uint64_t id) {
    open_.erase(id);
    if (open_.empty() && when_empty_) std::exchange(when_empty_, nullptr)();
}

}  // namespace mailhandler::net
