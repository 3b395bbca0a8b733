// Reading the journal for commands.
#pragma once

#include <functional>
#include <string>

#include "context.hpp"
#include "store/layout.hpp"
#include "watch/event.hpp"

namespace mailhandler::cmd {

// Every event since `since`, day by day. Returns how many lines could not be understood.
Result<std::size_t> read_events(Context& context, const store::Layout& layout, WallTime since,
                                const std::function<void(const watch::Event&)>& take);

}  // namespace mailhandler::cmd
