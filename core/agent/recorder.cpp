#include "agent/recorder.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace mailhandler::agent {

namespace {
// A disk that hangs must not eat the memory: some 100,000 lines.
constexpr std::size_t buffer_limit = 32u << 20;
constexpr std::size_t worth_a_write = 64 * 1024;
}  // namespace

Recorder::Recorder(store::Journal& journal, const Clock& clock, Log log)
    : journal_(journal), clock_(clock), log_(std::move(log)) {}

void Recorder::record(watch::Event event) {
    event.when = clock_.wall();
    const std::string line = watch::to_line(event);
    const std::lock_guard lock(mutex_);
    if (lines_.size() + line.size() > buffer_limit)
        ++lost_;
    else
        lines_ += line;
}

void Recorder::flush() {
    std::string lines;
    {
        const std::lock_guard lock(mutex_);
        lines = std::exchange(lines_, {});
    }
    if (lines.empty()) return;
    const auto written = journal_.append(lines);
    const std::lock_guard lock(mutex_);
    if (!written) {
        lost_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
        if (!std::exchange(broken_, true))
            log_.error(fmt::format("the journal cannot be written: {}", written.error().text()));
    } else if (std::exchange(broken_, false) || lost_ != 0) {
        log_.warning(fmt::format("the journal is written again; {} lines are missing",
                                 std::exchange(lost_, 0)));
    }
}

bool Recorder::pending() const {
    const std::lock_guard lock(mutex_);
    return !lines_.empty();
}

bool Recorder::heavy() const {
    const std::lock_guard lock(mutex_);
    return lines_.size() >= worth_a_write;
}

}  // namespace mailhandler::agent
