// Time as an argument. Protocol sessions get an Instant in next(); everything that needs the
// calendar gets a Clock, so that tests decide what day it is.
#pragma once

#include <chrono>
#include <string>

namespace mailhandler {

using Instant = std::chrono::steady_clock::time_point;   // deadlines and durations
using WallTime = std::chrono::system_clock::time_point;  // dates, file names, the journal
using Date = std::chrono::year_month_day;                // a local calendar day

class Clock {
  public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    virtual WallTime wall() const = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
  public:
    Instant now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// The local calendar day of `time` (a bouncer's `until` is judged by it).
Date local_date(WallTime time);

// "Mon, 23 Nov 2026 05:20:14 +0000": RFC 5322 section 3.3, local time with its offset.
std::string rfc5322_date(WallTime time);

// "2026-11-23T05:20:14.123Z": RFC 3339, UTC, milliseconds.
std::string rfc3339_utc(WallTime time);

// "2026-11-23", UTC.
std::string utc_day(WallTime time);

}  // namespace mailhandler
