// The journal: ROOT/journal/<node>/YYYY-MM-DD.jsonl, UTC, one JSON object a line, appended in whole
// lines and not synced (a power cut may cost its last seconds, never a message).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

// Appends lines to the day's file. Safe from several threads; each batch is one write. A torn last
// line left by a crash is closed with a newline before the first append, and readers skip it.
class Journal {
  public:
    Journal(disk::Disk& disk, const Layout& layout, std::string node, const Clock& clock);
    // `lines`: one or more whole lines, each ending in '\n'.
    Result<> append(std::string_view lines);

  private:
    Result<> open(std::chrono::sys_days day);

    disk::Disk& disk_;
    const Layout layout_;
    std::string node_;
    const Clock& clock_;
    std::mutex mutex_;
    std::chrono::sys_days day_{};
    std::unique_ptr<disk::File> file_;
};

// Every line of every day from `since_day` ("2026-11-23") on: day by day, within a day node by node,
// within a node in order. Returns how many lines were skipped, being torn or not UTF-8. `take` gets a
// line without its newline and returns false to stop. No journal: no lines.
Result<std::size_t> read_journal(disk::Disk& disk, const Layout& layout, const std::string& since_day,
                                 const std::function<bool(std::string_view line)>& take);

}  // namespace mailhandler::store
