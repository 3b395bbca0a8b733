// What is told of collected mail, for each end of a recipient's way: an event to the journal, and
// one more in the harvest's counts.
#pragma once

#include "agent/harvest.hpp"
#include "agent/sorting.hpp"
#include "watch/event.hpp"

namespace mailhandler::agent {

// Without the peer and the size, which are the message's.
watch::Event event_of(const Judged& judged, const Fate& fate, const End& end);

void count(Harvest& harvest, const End& end);

}  // namespace mailhandler::agent
