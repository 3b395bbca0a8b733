#include "base/clock.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

using namespace mailhandler;

TEST_CASE("A date header carries the local offset whatever the locale") {
    const WallTime time = std::chrono::system_clock::from_time_t(1795411214);
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    CHECK(rfc5322_date(time) == "Mon, 23 Nov 2026 06:20:14 +0100");
    setenv("TZ", "XXX3:30", 1);
    tzset();
    CHECK(rfc5322_date(time) == "Mon, 23 Nov 2026 01:50:14 -0330");
    setenv("TZ", "UTC", 1);
    tzset();
    CHECK(rfc5322_date(time) == "Mon, 23 Nov 2026 05:20:14 +0000");
    CHECK(rfc3339_utc(time + std::chrono::milliseconds(42)) == "2026-11-23T05:20:14.042Z");
    CHECK(utc_day(time) == "2026-11-23");
}
