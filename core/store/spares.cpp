#include "store/spares.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace mailhandler::store {

namespace {

constexpr std::string_view end = ".spare";

std::optional<std::uint64_t> number_of(std::string_view file) {
    if (!file.ends_with(end)) return {};
    file.remove_suffix(end.size());
    std::uint64_t number = 0;
    const auto [last, error] = std::from_chars(file.data(), file.data() + file.size(), number);
    if (file.empty() || error != std::errc() || last != file.data() + file.size()) return {};
    return number;
}

}  // namespace

bool Spares::is_spare(std::string_view file) { return number_of(file).has_value(); }

void Spares::open() {
    const std::scoped_lock guard(mutex_);
    open_ = true;
}

std::optional<std::string> Spares::reserve() {
    const std::scoped_lock guard(mutex_);
    if (!open_ || count_ >= most) return {};
    ++count_;
    return fmt::format("{}{}", next_++, end);
}

void Spares::release() {
    const std::scoped_lock guard(mutex_);
    --count_;
}

void Spares::give(std::string name) {
    const std::scoped_lock guard(mutex_);
    names_.push_back(std::move(name));
}

bool Spares::give_found(std::string_view name) {
    const std::scoped_lock guard(mutex_);
    const auto number = number_of(name);
    if (!number || count_ >= most) return false;
    next_ = std::max(next_, *number + 1);
    ++count_;
    names_.emplace_back(name);
    return true;
}

std::optional<std::string> Spares::take() {
    const std::scoped_lock guard(mutex_);
    if (names_.empty()) return {};
    --count_;
    std::string name = std::move(names_.back());
    names_.pop_back();
    return name;
}

}  // namespace mailhandler::store
