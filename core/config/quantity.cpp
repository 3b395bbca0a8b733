// Sizes and periods as people write them.
#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "config/load.hpp"

namespace mailhandler::config {
namespace {

struct Quantity {
    std::uint64_t number = 0;
    std::string_view unit;
};

// 1*DIGIT *SP unit
Result<Quantity> split(std::string_view text, std::string_view what) {
    Quantity quantity;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), quantity.number);
    if (error == std::errc::result_out_of_range)
        return fail("", fmt::format("\"{}\" is too large", text), false);
    if (error != std::errc{}) return fail("", fmt::format("\"{}\" is not {}", text, what), false);
    quantity.unit = text.substr(static_cast<std::size_t>(end - text.data()));
    while (quantity.unit.starts_with(' ')) quantity.unit.remove_prefix(1);
    return quantity;
}

// number × factor, while it fits into 63 bits (what TOML and file sizes can hold).
Result<std::uint64_t> times(const Quantity& quantity, std::uint64_t factor, std::string_view text) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (quantity.number > most / factor)
        return fail("", fmt::format("\"{}\" is too large", text), false);
    return quantity.number * factor;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    return out;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::string_view what = "a size such as \"50 MiB\", \"10 GiB\" or \"1000\" (octets)";
    const auto quantity = split(text, what);
    if (!quantity) return tl::unexpected(quantity.error());
    std::string unit = lower(quantity->unit);
    if (unit.empty() || unit == "b") return times(*quantity, 1, text);
    constexpr std::string_view prefixes = "kmgt";
    const std::size_t power = prefixes.find(unit[0]);
    const std::string_view rest = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || (rest != "" && rest != "b" && rest != "ib"))
        return fail("", fmt::format("\"{}\" is not {}", text, what), false);
    // KB is a thousand (SI); KiB, and the bare K of Dovecot and Postfix, 1024.
    std::uint64_t factor = 1;
    for (std::size_t i = 0; i <= power; ++i) factor *= rest == "b" ? 1000 : 1024;
    return times(*quantity, factor, text);
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
    constexpr std::string_view what = "a period such as \"90s\", \"5m\", \"12h\", \"30d\" or \"2w\"";
    const auto quantity = split(text, what);
    if (!quantity) return tl::unexpected(quantity.error());
    std::uint64_t factor = 0;
    if (quantity->unit == "s" || (quantity->unit.empty() && quantity->number == 0)) factor = 1;
    if (quantity->unit == "m") factor = 60;
    if (quantity->unit == "h") factor = 3600;
    if (quantity->unit == "d") factor = 24 * 3600;
    if (quantity->unit == "w") factor = 7 * 24 * 3600;
    if (factor == 0) {
        const std::string_view fault = quantity->unit.empty() ? "lacks a unit; write" : "is not";
        return fail("", fmt::format("\"{}\" {} {}", text, fault, what), false);
    }
    // A century is more than anybody means, and keeps every sum of times in range.
    constexpr std::uint64_t most = 100ull * 366 * 24 * 3600;
    const auto seconds = times(*quantity, factor, text);
    if (!seconds) return tl::unexpected(seconds.error());
    if (*seconds > most) return fail("", fmt::format("\"{}\" is more than a century", text), false);
    return std::chrono::seconds(*seconds);
}

}  // namespace mailhandler::config
