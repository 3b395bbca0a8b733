// Several threads on work that falls into many small pieces: the messages of one FETCH.
#pragma once

#include <cstddef>
#include <functional>

namespace mailhandler::agent {

// Has `work` done by another thread, soon; false: none is free for it (net::Pool::offer). May be empty.
using Offer = std::function<bool(std::function<void()> work)>;

// Does piece(0), piece(1) … on this thread and on as many others as there are cores and `offer` finds, until
// one returns false or `count` are done; returns when none is under way any more. How many were done: all
// those before that number. An exception of a piece ends the work and is thrown here.
std::size_t share_out(const Offer& offer, std::size_t count,
                      const std::function<bool(std::size_t)>& piece);

}  // namespace mailhandler::agent
