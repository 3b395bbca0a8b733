// Gathers events on their way to the journal, so that nobody on the network thread waits for a
// disk: record() only appends to a buffer, flush() writes it.
#pragma once

#include <mutex>
#include <string>

#include "base/log.hpp"
#include "store/journal.hpp"
#include "watch/event.hpp"

namespace mailhandler::agent {

class Recorder {
  public:
    Recorder(store::Journal& journal, const Clock& clock, Log log);

    // Notes an event; `when` is filled in. Never blocks on the disk. Safe from several threads.
    void record(watch::Event event);

    // Writes what was noted. Blocking. A journal that cannot be written costs its lines, never mail:
    // it is said once and said again when it works.
    void flush();

    // True when there is something to flush.
    bool pending() const;
    // Enough of it to be worth a write.
    bool heavy() const;

  private:
    store::Journal& journal_;
    const Clock& clock_;
    Log log_;
    mutable std::mutex mutex_;
    std::string lines_;
    std::uint64_t lost_ = 0;   // lines that found the buffer full or the disk broken
    bool broken_ = false;
};

}  // namespace mailhandler::agent
